/**
 * One owner's time as gatherer: reads the stream's headers from the watermark on, folds them, publishes what closes.
 * Ends with the lease; all it knew can be read again (G3).
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  type Buckets,
  bodySizeHeader,
  decodeHeaders,
  type EventPublisher,
  eventSubject,
  gatherKey,
  gatherSubject,
  type StoredMessage,
  StreamReader,
  streams,
  userSubject,
} from '#broker';
import { type Clock, messageOf } from '#common';
import type { GatherProgress } from '#proto';
import {
  type ClosedKey,
  type CollectRules,
  expectHeader,
  type FoldEffect,
  parseGatherHeaders,
  partHeader,
  type StoredPart,
  type StreamFold,
} from '#routing';
import type { Logger } from '#telemetry';
import { type GatherOrigin, gatherLetter, lateLetter, openedLetter, refusedLetter } from './gather-letters.ts';
import { GatherMark } from './gather-mark.ts';
import { GatherOutbox, outboxMax } from './gather-outbox.ts';
import { closedProgress, progressOf } from './gather-progress.ts';

export interface GatherReadingOptions {
  readonly origin: GatherOrigin;
  readonly rules: CollectRules;
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly inbox: string;
  readonly buckets: Buckets;
  readonly publisher: EventPublisher;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly epoch: number;
}

/** The watermark is written this often at most. */
const markEveryMs = 1_000;
/** Dead letters a second for messages that are no parts; the others are counted: a wrong source sends thousands. */
const refusedLettersMax = 10;
/** Reading all closed keys of a day must end: 65,536 small messages take half a second. */
const tombstonesWaitMs = 30_000;
/** Closed keys that onlookers are shown, and open ones: a report stays small. */
const progressMax = 24;

export class GatherReading {
  readonly #options: GatherReadingOptions;
  readonly #fold: StreamFold;
  readonly #mark: GatherMark;
  readonly #outbox: GatherOutbox;
  readonly #log: Record<string, unknown>;
  #reader: StreamReader | undefined;
  #markedAt: number;
  #writingMark = false;
  #refusedLetters = 0;
  readonly #closed: GatherProgress[] = [];
  #over = false;

  private constructor(options: GatherReadingOptions, mark: GatherMark, fold: StreamFold) {
    const { publisher, clock, logger, origin } = options;
    this.#options = options;
    this.#mark = mark;
    this.#fold = fold;
    this.#markedAt = clock.monotonic();
    this.#log = { function: origin.version.function, trigger: origin.trigger, epoch: options.epoch };
    this.#outbox = new GatherOutbox({
      publisher,
      clock,
      onRefused: (error) => logger.warn({ ...this.#log, error: error.message }, 'gather event refused, tried again'),
    });
    this.#read();
  }

  /** Undefined when another owner has come meanwhile. Throws when the broker does not answer. */
  static async start(options: GatherReadingOptions): Promise<GatherReading | undefined> {
    const { buckets, origin, manager, epoch, rules } = options;
    const mark = await GatherMark.read(buckets.gatherMarks, gatherKey(origin.version.function, origin.trigger), epoch);
    // Written first of all: from now on a former owner cannot move the watermark any more.
    if (!(await mark.write(mark.sequence))) return undefined;
    const { config } = await manager.streams.info(streams.events);
    const fold = rules.createFold(config.max_bytes > 0 ? config.max_bytes : Number.POSITIVE_INFINITY);
    await readTombstones(options, fold);
    return new GatherReading(options, mark, fold);
  }

  get epoch(): number {
    return this.#options.epoch;
  }

  /** A streaming gather's function has been called for them already. */
  get openKeys(): number {
    return this.#options.rules.streaming ? 0 : this.#fold.openKeys;
  }

  get counts(): StreamFold['counts'] {
    return this.#fold.counts;
  }

  /** Lately closed keys, then open ones; the newest of each. */
  progress(): GatherProgress[] {
    const open = this.#fold.open(progressMax).map((state) => progressOf(this.#options.origin.trigger, state));
    return [...this.#closed, ...open];
  }

  /** Called a few times a second while the lease is held. False: another owner has written the watermark. */
  tick(): boolean {
    if (this.#over) return false;
    this.#closeDue();
    this.#outbox.tick();
    if (!this.#reader && this.#outbox.size < outboxMax / 2) this.#read();
    const now = this.#options.clock.monotonic();
    if (now - this.#markedAt >= markEveryMs && !this.#writingMark) {
      this.#markedAt = now;
      this.#refusedLetters = 0;
      void this.#writeMark();
    }
    return true;
  }

  /** No effect follows after this returns, but for publishes already sent; those say the same as the next owner's. */
  stop(): void {
    this.#over = true;
    this.#reader?.close();
    this.#reader = undefined;
    this.#outbox.drop();
  }

  #read(): void {
    const { connection, manager, inbox, clock, logger, rules } = this.#options;
    this.#reader = new StreamReader({
      connection,
      manager,
      inbox,
      clock,
      stream: streams.events,
      filter: eventSubject(rules.pattern),
      from: Math.max(this.#mark.sequence, this.#fold.lastFolded + 1),
      headersOnly: true,
      onMessage: (stored) => this.#receive(stored),
      onTrouble: (error) => logger.warn({ ...this.#log, error: messageOf(error) }, 'cannot read parts, tried again'),
    });
  }

  #receive(stored: StoredMessage): void {
    for (const effect of this.#fold.fold(storedPart(stored))) this.#apply(effect);
    if (this.#outbox.size < outboxMax) return;
    this.#reader?.close();
    this.#reader = undefined;
  }

  /** G9: a gap counts from the catching up at the earliest, in the server's time. */
  #closeDue(): void {
    const asOfMs = this.#reader?.currentAsOfMs;
    const caughtUpAt = this.#reader?.caughtUpAt;
    if (asOfMs === undefined || caughtUpAt === undefined) return;
    if (this.#options.clock.monotonic() - caughtUpAt < this.#options.rules.gapMs) return;
    for (const closed of this.#fold.closeDue(asOfMs)) this.#publishClosed(closed);
  }

  #apply(effect: FoldEffect): void {
    const { origin, logger } = this.#options;
    switch (effect.kind) {
      case 'opened':
        return this.#outbox.add(openedLetter(origin, effect.opened));
      case 'closed':
        return this.#publishClosed(effect.closed);
      case 'late':
        if (effect.count > 1) return;
        logger.warn(
          { ...this.#log, key: effect.key, sequence: effect.part.sequence },
          'a part came after its key was closed',
        );
        return this.#outbox.add(lateLetter(origin, effect.key, effect.part));
      case 'refused':
        if (++this.#refusedLetters > refusedLettersMax) return;
        return this.#outbox.add(refusedLetter(origin, effect.part, effect.reason));
    }
  }

  #publishClosed(closed: ClosedKey): void {
    const { origin, rules, logger } = this.#options;
    const { key, reason, parts, doubles } = closed;
    logger.info({ ...this.#log, key, reason, parts, doubles }, 'gather closed');
    this.#closed.push(closedProgress(origin.trigger, closed));
    if (this.#closed.length > progressMax) this.#closed.shift();
    this.#outbox.add(gatherLetter(origin, closed, rules));
  }

  async #writeMark(): Promise<void> {
    const sequence = Math.min(
      this.#fold.lowestOpen ?? this.#fold.lastFolded + 1,
      this.#outbox.lowest ?? Number.POSITIVE_INFINITY,
    );
    this.#writingMark = true;
    try {
      if (!(await this.#mark.write(sequence))) this.stop();
    } catch (error) {
      this.#options.logger.warn({ ...this.#log, error: messageOf(error) }, 'watermark not written, tried again');
    } finally {
      this.#writingMark = false;
    }
  }
}

function storedPart({ message, sequence, timeMs }: StoredMessage): StoredPart {
  const headers = decodeHeaders(message);
  return {
    subject: userSubject(message.subject),
    sequence,
    timeMs,
    bytes: Number(headers[bodySizeHeader] ?? 0),
    part: headers[partHeader],
    expect: headers[expectHeader],
    headers,
  };
}

/** Keys closed within the last day, from their gather events: what comes for them is late, not new. */
async function readTombstones(options: GatherReadingOptions, fold: StreamFold): Promise<void> {
  const { connection, manager, inbox, clock, origin } = options;
  const prefix = gatherSubject(origin.version.function, origin.trigger, '');
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error('closed keys cannot be read')), tombstonesWaitMs);
  const reader = new StreamReader({
    connection,
    manager,
    inbox,
    clock,
    stream: streams.gathers,
    filter: gatherSubject(origin.version.function, origin.trigger, '>'),
    from: 1,
    headersOnly: true,
    onMessage: ({ message }) => {
      const summary = parseGatherHeaders(decodeHeaders(message));
      if (!summary) return;
      fold.known(message.subject.slice(prefix.length), summary);
    },
    onCurrent: resolve,
  });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    reader.close();
  }
}
