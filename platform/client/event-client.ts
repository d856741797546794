/** A program's way to a pilot's events: publish as `source`, read as `viewer`. The keys of one role cannot do the other's work. */
import { randomBytes } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  askStream,
  bodySizeHeader,
  connectNats,
  decodeHeaders,
  inboxPrefix,
  messageIdHeader,
  pilotApi,
  type ReadStart,
  readStream,
  readSubject,
  type StreamMessage,
  streams,
  tokenApi,
  userSubject,
} from '#broker';
import { claimedBytes } from '#claims';
import { PlatformError, systemClock } from '#common';
import type { Claims, Connection } from '#model';
import { decodePack, packHeader, packLeftHeader, readMemberHeaders } from '#packs';
import { brokerServerName } from '#security';
import { openClaimed } from './open-claimed.ts';
import type { PublishOptions } from './publish-options.ts';
import { type EventCounts, PublishWindow } from './publish-window.ts';
import type { StoredEvent } from './stored-event.ts';

/** How a source sends; every field has its default. */
export interface SourceOptions {
  /** Larger payloads than this go into a file, and the event names it. Default 1 MiB. */
  readonly claimOverBytes?: number;
  /** Only the brokers of the connection are asked, and not those that they name: behind a tunnel nobody reaches these. */
  readonly onlyTheseBrokers?: boolean;
  /** Asked while no broker answers: where they are now. A pilot whose job was put back into the queue comes back elsewhere. */
  readonly locateBrokers?: () => readonly string[];
  /**
   * Small events (up to 16 KiB) of a subject go up to 256 to a message, each at most a millisecond later. Functions with
   * `handleBatch` are given them in one go, others one by one. An event with an `id` goes by itself, as ever.
   */
  readonly pack?: boolean;
}

export interface ReadOptions {
  /** Default "new": what is stored after `read` has resolved. */
  readonly from?: ReadStart;
  readonly signal?: AbortSignal;
  /** Payloads stay where they are: `data` is empty, `bytes` says how long it is. */
  readonly headersOnly?: boolean;
}

/** Throws `unavailable` when no broker of the pilot answers. */
export async function connectEvents(
  connection: Connection,
  role: 'source' | 'viewer',
  { onlyTheseBrokers, locateBrokers, ...options }: SourceOptions = {},
): Promise<EventClient> {
  const { token } = connection;
  if (connection.seeds[role] === '') {
    throw new PlatformError('permission-denied', `this token does not open the streams as ${role}`, {
      hint:
        role === 'source' ? 'Publish through the gateway, or ask for the role "publish".' : 'Ask for the role "view".',
    });
  }
  // Unguessable: two programs of one role must not hear each other's answers.
  const program = randomBytes(8).toString('hex');
  const member = token === undefined ? program : `${token}.${program}`;
  const nats = await connectNats({
    servers: connection.brokers,
    seed: connection.seeds[role],
    role,
    member,
    tls: { ca: connection.tls.ca, serverName: brokerServerName(connection.pilot) },
    onlyThese: onlyTheseBrokers,
    locate: locateBrokers,
    ofOthers: token !== undefined,
  });
  const client = new EventClient(nats, role, member, { token, claims: connection.claims, ...options });
  if (role === 'source') await client.open();
  return client;
}

export class EventClient {
  readonly #nats: NatsConnection;
  readonly #window: PublishWindow;
  readonly #claims: Claims | undefined;
  readonly #isToken: boolean;

  constructor(
    nats: NatsConnection,
    role: 'source' | 'viewer',
    member: string,
    { token, ...options }: SourceOptions & Partial<Pick<Connection, 'claims' | 'token'>> = {},
  ) {
    this.#nats = nats;
    this.#isToken = token !== undefined;
    this.#claims = options.claims;
    this.#window = new PublishWindow({
      ...options,
      connection: nats,
      api: this.#api,
      inbox: inboxPrefix(role, member),
      member,
      clock: systemClock,
    });
  }

  /** Learns how much room the stream has; before it, what is published waits. */
  open(): Promise<void> {
    return this.#window.open();
  }

  /**
   * Sends an event; resolves when it is on its way, and waits first while too many are unacknowledged (R6). Refused ones are
   * sent again under the same id, so that each is stored once. Throws `invalid` or `payload-too-large`, and at the next call
   * whatever made an earlier event fail for good.
   */
  publish(subject: string, data: Uint8Array | string, options: PublishOptions = {}): Promise<void> {
    return this.#window.publish(subject, data, options);
  }

  /** Resolves when all that was published is stored; throws where one of them could not be, or the signal aborts. */
  flush(signal?: AbortSignal): Promise<void> {
    return this.#window.flush(signal);
  }

  get #api(): string {
    return this.#isToken ? tokenApi : pilotApi;
  }

  get counts(): EventCounts {
    return this.#window.counts;
  }

  /** Reads events in the order of the stream; resolves once the server knows of the reader. Leaving the loop ends it. Throws `invalid` for what is no subject. */
  async read(
    subject: string,
    { from = 'new', signal, headersOnly = false }: ReadOptions = {},
  ): Promise<AsyncIterable<StoredEvent>> {
    const connection = this.#nats;
    const filter = readSubject(subject);
    const stream = streams.events;
    const options = { connection, stream, filter, from, headersOnly, signal, clock: systemClock };
    return events(await (this.#isToken ? askStream(options) : readStream(options)));
  }

  /**
   * An event's payload, wherever it lies: in the event itself, in a file that this machine sees, in the stream. Throws
   * `not-found` for one that is gone, `corrupt` for one that is not what was published, `unavailable` for another node's.
   */
  payload(event: StoredEvent): Promise<Uint8Array> {
    return openClaimed(event, { connection: this.#nats, api: this.#api, claims: this.#claims });
  }

  /** Ends the connection at once; call `flush` first where events must not be lost. */
  async close(): Promise<void> {
    this.#window.close();
    await this.#nats.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Its events, as if each had been published by itself. What cannot be opened is given as it is: a reader is no judge. */
function openPack(pack: StoredEvent): StoredEvent[] {
  const { [packHeader]: _pack, [packLeftHeader]: _left, ...shared } = pack.headers;
  try {
    return decodePack(pack.data).map(({ headers, payload: data }, member) => ({
      ...pack,
      member,
      data,
      bytes: data.byteLength,
      headers: { ...shared, ...readMemberHeaders(headers) },
      id: '',
    }));
  } catch {
    return [pack];
  }
}

async function* events(messages: AsyncIterable<StreamMessage>): AsyncGenerator<StoredEvent, void, void> {
  for await (const message of messages) {
    const { [messageIdHeader]: id = '', [bodySizeHeader]: size, ...headers } = decodeHeaders(message);
    const event = {
      subject: userSubject(message.subject),
      data: message.data,
      bytes: claimedBytes(headers) ?? (size === undefined ? message.data.byteLength : Number(size)),
      headers,
      id,
      sequence: message.seq,
      time: new Date(message.info.timestampNanos / 1e6),
    };
    if (headers[packHeader] === undefined || size !== undefined) yield event;
    else yield* openPack(event);
  }
}
