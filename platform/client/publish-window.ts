/**
 * A bounded window of publishes under way. What the stream refuses (it is full, or its server restarts) is sent again under
 * the same message id after a pause; the window stays taken meanwhile, so a full stream slows its source down (R6, R8).
 */
import { type NatsConnection, PermissionViolationError } from '@nats-io/transport-node';
import {
  ClaimWriter,
  EventPublisher,
  findClaimFolder,
  headerLines,
  publishSubject,
  readPubAck,
  userSubject,
} from '#broker';
import { type Claim, claimHeader, encodeClaim } from '#claims';
import { backoffMs, type Clock, PlatformError } from '#common';
import type { Claims } from '#model';
import { ClaimWindow } from './claim-window.ts';
import { mayBePacked, userHeaders } from './event-headers.ts';
import {
  bytesInFlightMax,
  claimOverBytesDefault,
  lostCheckMs,
  publishesInFlightMax,
  refusedBackoff,
  refusedMsMax,
} from './limits.ts';
import { Packer } from './packer.ts';
import { type PublishEntry, type PublishEntryOptions, publishEntry } from './publish-entry.ts';
import type { PublishOptions } from './publish-options.ts';
import { StreamRoom } from './stream-room.ts';

export interface EventCounts {
  readonly sent: number;
  readonly acked: number;
  /** Refusals after which an event was sent again. */
  readonly retried: number;
  /** Events that had to wait, for answers or for room in the stream. */
  readonly held: number;
  /** Those that wait just now. */
  readonly waiting: number;
}

export interface PublishWindowOptions {
  readonly connection: NatsConnection;
  /** Where JetStream is asked. */
  readonly api: string;
  readonly inbox: string;
  /** Begins the default ids, so that two sources never share one. */
  readonly member: string;
  readonly clock: Clock;
  /** Where large payloads go; left out, they are part of their events, up to the broker's limit. */
  readonly claims?: Claims | undefined;
  /** Larger payloads than this are claimed. Default 1 MiB. */
  readonly claimOverBytes?: number | undefined;
  /** Small events of a subject go many to a message. */
  readonly pack?: boolean | undefined;
}

type EntryOptions = Pick<PublishEntryOptions, 'pairs' | 'claim' | 'events'> & { readonly id?: string | undefined };

const encoder = new TextEncoder();
const noPayload = new Uint8Array(0);

export class PublishWindow {
  readonly #options: PublishWindowOptions;
  readonly #publisher: EventPublisher;
  readonly #room: StreamRoom;
  readonly #lostCheck: NodeJS.Timeout;
  readonly #closing = new AbortController();
  /** Publishes that wait for room, in order. */
  readonly #queue: { readonly bytes: number; readonly since: number; readonly admit: () => void }[] = [];
  #flushes: (() => void)[] = [];
  #ids = 0;
  #inFlight = 0;
  #bytesInFlight = 0;
  #sent = 0;
  #acked = 0;
  #retried = 0;
  #held = 0;
  #failure: PlatformError | undefined;
  readonly #packer: Packer | undefined;
  #claims: { readonly writer: ClaimWriter; readonly window: ClaimWindow } | undefined;

  constructor(options: PublishWindowOptions) {
    this.#options = options;
    this.#publisher = new EventPublisher(options);
    if (options.pack) {
      this.#packer = new Packer((subject, payload, pairs, events) =>
        this.#publish(this.#entry(subject, payload, { pairs, events })),
      );
    }
    this.#room = new StreamRoom({
      ...options,
      bytesInFlight: () => this.#bytesInFlight,
      onRoom: () => this.#wake(),
    });
    this.#lostCheck = setInterval(() => this.#publisher.checkLost(), lostCheckMs);
    void this.#watchReconnects();
  }

  /** Learns how much room the stream has, and where large payloads go. */
  async open(): Promise<void> {
    const { claims, clock } = this.#options;
    if (claims) {
      const writer = new ClaimWriter(await findClaimFolder(claims), this.#publisher);
      const { signal } = this.#closing;
      this.#claims = { writer, window: new ClaimWindow({ write: (data) => writer.write(data), clock, signal }) };
    }
    await this.#room.open();
  }

  get counts(): EventCounts {
    const [waiting, held] = [this.#queue.length, this.#held];
    return { sent: this.#sent, acked: this.#acked, retried: this.#retried, held, waiting };
  }

  async publish(subject: string, data: Uint8Array | string, options: PublishOptions): Promise<void> {
    if (this.#packer) {
      const payload = typeof data === 'string' ? encoder.encode(data) : data;
      if (Packer.fits(payload) && mayBePacked(options)) return this.#pack(this.#packer, subject, payload, options);
      await this.#packer.flush(subject);
    }
    const prepared = this.#prepare(subject, data, options);
    await this.#publish(prepared instanceof Promise ? await prepared : prepared);
  }

  #pack(packer: Packer, subject: string, payload: Uint8Array, options: PublishOptions): Promise<void> {
    publishSubject(subject);
    const pairs = userHeaders(options);
    headerLines(pairs);
    const headers = pairs.length === 0 ? '' : JSON.stringify(Object.fromEntries(pairs));
    // The caller may write over it while others of its pack are awaited.
    return packer.add(subject, { headers, payload: Buffer.from(payload) });
  }

  async #publish(entry: PublishEntry): Promise<void> {
    const bytes = entry.payload.byteLength;
    if (this.#queue.length === 0 && this.#hasRoom(bytes)) this.#reserve(bytes);
    else {
      this.#held++;
      const since = this.#options.clock.monotonic();
      await new Promise<void>((admit) => this.#queue.push({ bytes, since, admit }));
    }
    if (this.#failure) throw this.#failure;
    this.#sent += entry.events;
    this.#send(entry);
  }

  async flush(signal?: AbortSignal): Promise<void> {
    await this.#packer?.flush();
    const interrupted = () => this.#wakeFlushes();
    signal?.addEventListener('abort', interrupted, { once: true });
    while (this.#inFlight > 0 && !this.#failure && !signal?.aborted)
      await new Promise<void>((resolve) => this.#flushes.push(resolve));
    signal?.removeEventListener('abort', interrupted);
    signal?.throwIfAborted();
    if (this.#failure) throw this.#failure;
  }

  close(): void {
    clearInterval(this.#lostCheck);
    this.#packer?.close();
    this.#closing.abort();
    this.#room.close();
    this.#failure ??= new PlatformError('unavailable', 'the connection was closed');
    this.#publisher.close();
    this.#wake();
  }

  /** Only a large payload takes a turn of the event loop: small ones keep the order of their calls. */
  #prepare(subject: string, data: Uint8Array | string, options: PublishOptions): PublishEntry | Promise<PublishEntry> {
    const payload = typeof data === 'string' ? encoder.encode(data) : data;
    const { claimOverBytes = claimOverBytesDefault } = this.#options;
    const entry = (sent: Uint8Array, claim?: Claim) => {
      const pairs = userHeaders(options);
      if (claim) pairs.push([claimHeader, encodeClaim(claim)]);
      return this.#entry(subject, sent, { id: options.id, pairs, claim, events: 1 });
    };
    if (!this.#claims || payload.byteLength <= claimOverBytes) return entry(payload);
    // What is wrong with subject, id or headers is said before a file is written.
    entry(noPayload);
    return this.#claims.window.claim(payload, () => this.#held++).then((claim) => entry(noPayload, claim));
  }

  #entry(
    subject: string,
    payload: Uint8Array,
    { id = `${this.#options.member}-${this.#ids++}`, ...rest }: EntryOptions,
  ): PublishEntry {
    return publishEntry({ ...rest, subject, payload, id, startedAt: this.#options.clock.monotonic() });
  }

  #send(entry: PublishEntry): void {
    entry.tries++;
    this.#publisher.publish(entry.subject, entry.payload, entry.headers, (error, answer) =>
      this.#settle(entry, error, answer),
    );
  }

  #settle(entry: PublishEntry, error: PlatformError | undefined, answer?: Uint8Array): void {
    if (!error && entry.claim && answer) return this.#note(entry, entry.claim, readPubAck(answer).sequence);
    this.#settled(entry, error);
  }

  /** Stored: now it is known which event has the payload, and with it when that may go. */
  #note(entry: PublishEntry, { claim, subject }: NonNullable<PublishEntry['claim']>, sequence: number): void {
    const { place, name } = claim;
    this.#claims?.writer.note({ place, name, subject, sequence }, () => this.#settled(entry, undefined));
  }

  #settled(entry: PublishEntry, error: PlatformError | undefined): void {
    if (!error) {
      this.#acked += entry.events;
    } else if (this.#closing.signal.aborted) {
      return;
    } else if (error.retryable && this.#options.clock.monotonic() - entry.startedAt < refusedMsMax) {
      this.#retried++;
      void this.#sendLater(entry);
      return;
    } else {
      this.#failure ??= error;
    }
    this.#inFlight--;
    this.#bytesInFlight -= entry.payload.byteLength;
    this.#wake();
  }

  async #sendLater(entry: PublishEntry): Promise<void> {
    const { clock } = this.#options;
    await clock.sleep(refusedBackoff.minMs + backoffMs(entry.tries, refusedBackoff), this.#closing.signal);
    if (!this.#closing.signal.aborted) this.#send(entry);
  }

  /** Answers of the old connection never come: asked again at once rather than after the wait for a PubAck. */
  async #watchReconnects(): Promise<void> {
    for await (const status of this.#options.connection.status()) {
      if (status.type === 'reconnect') this.#publisher.reset();
      if (status.type === 'error') this.#refused(status.error);
    }
  }

  /** A subject outside these keys' permissions is refused without an answer: its PubAck never comes. */
  #refused(error: Error): void {
    if (!(error instanceof PermissionViolationError) || error.operation !== 'publish') return;
    const subject = userSubject(error.subject);
    this.#failure ??= new PlatformError('permission-denied', `these keys may not publish to "${subject}"`, {
      hint: "The pilot's owner makes tokens for it: pilotfish auth token create --role publish --subjects PATTERN",
      cause: error,
    });
    this.#wake();
  }

  /** One event always fits the window, however large; after a failure nobody waits any more. */
  #hasRoom(bytes: number): boolean {
    if (this.#failure) return true;
    const inWindow = this.#inFlight < publishesInFlightMax && this.#bytesInFlight + bytes <= bytesInFlightMax;
    return (inWindow || this.#inFlight === 0) && this.#room.take(bytes);
  }

  #reserve(bytes: number): void {
    this.#inFlight++;
    this.#bytesInFlight += bytes;
  }

  #wake(): void {
    const first = this.#queue[0];
    if (first && this.#options.clock.monotonic() - first.since > refusedMsMax) {
      this.#failure ??= new PlatformError(
        'no-capacity',
        `the stream of events has had no room for ${refusedMsMax / 60_000} min`,
        {
          hint: 'Is a function deployed that takes the events? `pilotfish list` shows the lag.',
        },
      );
    }
    for (let next = this.#queue[0]; next && this.#hasRoom(next.bytes); next = this.#queue[0]) {
      this.#queue.shift();
      this.#reserve(next.bytes);
      next.admit();
    }
    if (this.#inFlight === 0 || this.#failure) this.#wakeFlushes();
  }

  #wakeFlushes(): void {
    const flushes = this.#flushes;
    this.#flushes = [];
    for (const resolve of flushes) resolve();
  }
}
