/** Events that come in by gRPC, for programs without a NATS client: checked, stored, and answered with their sequence. */
import { type JetStreamClient, type JetStreamManager, jetstream } from '@nats-io/jetstream';
import { headers as createHeaders, type NatsConnection } from '@nats-io/transport-node';
import { headerLines, publishSubject, streams } from '#broker';
import { type Clock, messageOf, PlatformError } from '#common';
import type { PublishRequest, PublishResponse } from '#proto';
import { invokePayloadBytesMax } from '#rpc';

export interface EventDoorOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly clock: Clock;
}

/** How full the stream is, is asked this often. */
const roomMs = 250;
/** The last tenth is the functions' own, as it is for our client (Decision 11). */
const shareMax = 0.9;
/** A stored event's id, as long as a UUID and a name. */
const idCharsMax = 128;

export class EventDoor {
  readonly #stream: JetStreamClient;
  readonly #manager: JetStreamManager;
  readonly #clock: Clock;
  #room: { readonly at: number; readonly share: number } | undefined;

  constructor({ connection, manager, clock }: EventDoorOptions) {
    this.#stream = jetstream(connection);
    this.#manager = manager;
    this.#clock = clock;
  }

  /**
   * Throws `invalid`, `payload-too-large`, `no-capacity` where the stream is full, `unavailable` where it does not answer.
   */
  async publish(request: PublishRequest): Promise<PublishResponse> {
    const { subject, payload, messageId } = request;
    const stored = publishSubject(subject);
    if (payload.length > invokePayloadBytesMax) {
      throw new PlatformError(
        'payload-too-large',
        `the event has ${payload.length} bytes; by gRPC ${invokePayloadBytesMax} are possible`,
        { hint: 'Larger ones go through a NATS client.' },
      );
    }
    const headers = headersOf(request);
    await this.#requireRoom();
    try {
      const ack = await this.#stream.publish(stored, payload, { headers, ...(messageId ? { msgID: messageId } : {}) });
      return { sequence: ack.seq, duplicate: ack.duplicate };
    } catch (error) {
      throw new PlatformError('unavailable', `the event was not stored: ${messageOf(error)}`, { cause: error });
    }
  }

  async #requireRoom(): Promise<void> {
    const now = this.#clock.monotonic();
    if (!this.#room || now - this.#room.at >= roomMs) {
      const { config, state } = await this.#manager.streams.info(streams.events);
      this.#room = { at: now, share: config.max_bytes > 0 ? state.bytes / config.max_bytes : 0 };
    }
    if (this.#room.share < shareMax) return;
    throw new PlatformError('no-capacity', 'the event stream is full', {
      hint: 'Functions are behind, or nothing may be trimmed yet: pilotfish list. Try again later.',
    });
  }
}

const reservedName = /^(nats-|pilotfish-(claim|pack))/i;

/** Throws `invalid` for a header that would end another one, or that the platform keeps for itself. */
function headersOf({ headers, messageId }: PublishRequest) {
  headerLines([...Object.entries(headers), ['id', messageId]]);
  const reserved = Object.keys(headers).find((name) => reservedName.test(name));
  if (reserved !== undefined || messageId.length > idCharsMax) {
    throw new PlatformError(
      'invalid',
      reserved === undefined
        ? `the message id has ${messageId.length} characters`
        : `the header "${reserved}" is the platform's own`,
      {
        hint: `Headers beginning with "Nats-", "Pilotfish-Claim" and "Pilotfish-Pack" are kept; an id has ${idCharsMax} characters at most.`,
      },
    );
  }
  const built = createHeaders();
  for (const [name, value] of Object.entries(headers)) built.set(name, value);
  return built;
}
