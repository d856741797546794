/**
 * Gives a call the parts of its key while that is open (G13): one reader of the parts, one that waits for the gatherer's close.
 * A feed is a call's alone and ends with it; whoever is given the event again reads from the key's first message.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { decodeHeaders, eventSubject, type StoredMessage, type StreamName, StreamReader, streams } from '#broker';
import { type Claim, claimHeader, readClaim } from '#claims';
import { type Clock, PlatformError } from '#common';
import type { PartHeader, PartsEndHeader } from '#frames';
import {
  decodeGatherEvent,
  expandMissing,
  gatherHeaders,
  type OpenedKey,
  parseGatherHeaders,
  partHeader,
  StreamedParts,
} from '#routing';
import type { OpenFeed, PartReceiver } from '../call.ts';
import type { ClaimLocator } from '../claims/claim-locator.ts';
import { isLostForGood } from '../events/fetch-claimed.ts';

export interface PartFeedOptions {
  readonly opened: OpenedKey;
  /** Where the gatherer says that the key is closed. */
  readonly closedSubject: string;
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  /** The connection's inbox prefix. */
  readonly inbox: string;
  readonly clock: Clock;
  readonly claims: Pick<ClaimLocator, 'locate'>;
  /** An incomplete key is handled all the same: its dead letter was redriven. */
  readonly redriven: boolean;
  readonly to: PartReceiver;
}

/** What the event comes to, whatever its call says. */
export type FeedVerdict =
  /** A dead letter, with this reason. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** It was given a part that the key was closed without, or one cannot be read for now: it begins anew. */
  | { readonly kind: 'again'; readonly delayMs: number; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

interface Queued {
  readonly header: PartHeader;
  readonly body: Uint8Array;
  readonly claim: Claim | undefined;
}

/** Parts, and their bytes, that an instance is sent before its handler has taken any: it reads ahead, and no further (R6). */
const aheadMax = 256;
const aheadBytesMax = 8 * 2 ** 20;
/** A claimed payload that cannot be read for now: so long until the event is tried again. */
const claimRetryMs = 5_000;
/** A word that everything was read may have been under way while the key was closed; a second one cannot. */
const currentsMin = 2;

export class PartFeed implements OpenFeed {
  verdict: FeedVerdict | undefined;
  readonly #options: PartFeedOptions;
  readonly #parts: StreamedParts;
  readonly #closes: StreamReader;
  #reader: StreamReader | undefined;
  #queue: Queued[] = [];
  #pumping = false;
  /** What becomes of each part that was sent and is not taken: its bytes, and what was made for it. */
  readonly #ahead: { readonly bytes: number; readonly remove: () => void }[] = [];
  #aheadBytes = 0;
  #end: PartsEndHeader | undefined;
  #currents = 0;
  #over = false;

  constructor(options: PartFeedOptions) {
    this.#options = options;
    this.#parts = new StreamedParts(options.opened);
    this.#closes = this.#read(streams.gathers, options.closedSubject, 1, {
      onMessage: (stored) => this.#closed(stored),
      // Not before: a key that is closed already is read by its list.
      onCurrent: () => this.#readParts(),
    });
  }

  taken(): void {
    const first = this.#ahead.shift();
    if (!first) return;
    this.#aheadBytes -= first.bytes;
    first.remove();
    void this.#pump();
  }

  stop(): void {
    this.#over = true;
    this.#closes.close();
    this.#reader?.close();
    this.#queue = [];
    for (const { remove } of this.#ahead.splice(0)) remove();
  }

  #read(
    stream: StreamName,
    filter: string,
    from: number,
    on: { onMessage: (stored: StoredMessage) => void; onCurrent: () => void },
  ): StreamReader {
    const { connection, manager, inbox, clock } = this.#options;
    return new StreamReader({ connection, manager, inbox, clock, stream, filter, from, headersOnly: false, ...on });
  }

  #readParts(): void {
    if (this.#reader || this.#over) return;
    const { subject, first } = this.#options.opened;
    this.#reader = this.#read(streams.events, eventSubject(subject), first, {
      onMessage: (stored) => this.#take(stored),
      onCurrent: () => this.#current(),
    });
  }

  #closed({ message }: StoredMessage): void {
    const headers = decodeHeaders(message);
    const { first } = parseGatherHeaders(headers) ?? {};
    // Another use of the key, a day before.
    if (first !== this.#options.opened.first || this.#end) return;
    const refusal = headers[gatherHeaders.refusal];
    if (refusal && !this.#options.redriven) return this.#finish({ kind: 'refused', reason: refusal }, refusal);
    try {
      const { event, sequences } = decodeGatherEvent(message.data);
      this.#end = { reason: event.reason, counts: event.parts, missing: expandMissing(event.missing) };
      this.#currents = 0;
      if (!this.#parts.close(sequences))
        return this.#again(1, 'the gather was closed without a part that had been given: once more');
    } catch (error) {
      return this.#fail(PlatformError.from(error).message);
    }
    this.#readParts();
    void this.#pump();
  }

  #take(stored: StoredMessage): void {
    const { message, sequence } = stored;
    const headers = decodeHeaders(message);
    const verdict = this.#parts.take(sequence, headers[partHeader]);
    if (verdict.kind === 'gone') return this.#gone();
    if (verdict.kind === 'pass') return;
    const own = Object.entries(headers).filter(([name]) => !name.startsWith('Nats-') && name !== claimHeader);
    this.#queue.push({
      header: { kind: verdict.part.kind, index: verdict.part.index, headers: Object.fromEntries(own) },
      body: message.data,
      claim: readClaim(headers),
    });
    void this.#pump();
    if (this.#queue.length > 0) this.#reader?.hold();
  }

  /** Everything stored has been read: what is listed and has not come is not there. */
  #current(): void {
    if (this.#parts.awaited !== undefined && ++this.#currents >= currentsMin) this.#gone();
  }

  async #pump(): Promise<void> {
    if (this.#pumping || this.#over) return;
    this.#pumping = true;
    while (this.#ahead.length < aheadMax && this.#aheadBytes < aheadBytesMax) {
      const next = this.#queue.shift();
      if (!next) break;
      if (next.claim === undefined) this.#send(next.header, next.body, () => undefined);
      else if (!(await this.#sendClaimed(next.header, next.claim))) break;
    }
    this.#pumping = false;
    if (this.#over || this.#queue.length > 0) return;
    this.#reader?.goOn();
    if (this.#end && this.#parts.complete) this.#finish(undefined);
  }

  async #sendClaimed(header: PartHeader, claim: Claim): Promise<boolean> {
    try {
      const { header: c, remove } = await this.#options.claims.locate(claim);
      if (this.#over) remove();
      else this.#send({ ...header, c }, noPayload, remove);
    } catch (error) {
      const known = PlatformError.from(error);
      const { message } = known;
      if (isLostForGood(known)) this.#finish({ kind: 'refused', reason: message }, message);
      else this.#again(claimRetryMs, message);
    }
    return !this.#over;
  }

  #send(header: PartHeader, body: Uint8Array, remove: () => void): void {
    this.#ahead.push({ bytes: body.length, remove });
    this.#aheadBytes += body.length;
    this.#options.to.part(header, body);
  }

  #gone(): void {
    const { key } = this.#options.opened;
    this.#fail(`part gone: message ${this.#parts.awaited} of gather "${key}" is not in the stream any more`);
  }

  #again(delayMs: number, message: string): void {
    this.#finish({ kind: 'again', delayMs, message }, message);
  }

  #fail(message: string): void {
    this.#finish({ kind: 'failed', message }, message);
  }

  /** Nothing more is given; the parts that were sent stay until the call has taken them, or ends. */
  #finish(verdict: FeedVerdict | undefined, error?: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#closes.close();
    this.#reader?.close();
    this.#queue = [];
    this.verdict = verdict;
    const end = this.#end ?? { reason: 'open', counts: {}, missing: {} };
    this.#options.to.end(error === undefined ? end : { ...end, error });
  }
}

const noPayload = new Uint8Array(0);
