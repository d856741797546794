// One producer of a run: takes its places from the source, waits until each is due, injects faults, publishes, counts.
import { setImmediate } from 'node:timers/promises';
import { type Fault, type FaultOptions, faultAt } from './faults.ts';
import { createPacer, type PacerClock } from './pacer.ts';
import { dueTimes, type RateProfile } from './rates.ts';
import type { OpenSource, SourceMessage } from './source.ts';
import { lostPlacesMax, type ProducerReport } from './tally.ts';

/** What every message of a run carries besides its own headers. */
export const sequenceHeader = 'Pilotfish-Sequence';
export const producerHeader = 'Pilotfish-Producer';
/** Milliseconds since 1970 with decimals, when the producer handed the message over: for latencies from end to end. */
export const sentAtHeader = 'Pilotfish-Sent-At';

/** Where messages go: `EventClient` of pilotfish/client, or what a test gives. */
export interface MessageSink {
  publish(
    subject: string,
    data: Uint8Array | string,
    options: { readonly headers: Record<string, string>; readonly id: string },
  ): Promise<void>;
  flush(): Promise<void>;
  readonly counts: { readonly acked: number; readonly retried: number; readonly held: number };
}

export interface ProduceOptions {
  readonly source: OpenSource;
  readonly sink: MessageSink;
  readonly run: string;
  /** This producer, from 0, of so many. */
  readonly producer: number;
  readonly producers: number;
  readonly rate: RateProfile;
  readonly faults: FaultOptions;
  /** Places of the whole run; the source or a recorded rate may end it sooner. */
  readonly count?: number | undefined;
  readonly seconds?: number | undefined;
  readonly clock: PacerClock & { readonly epoch: () => number };
  /** Ends the run early; what was made is stored and counted all the same. */
  readonly signal?: AbortSignal | undefined;
}

/** Held back by faults: past this the oldest goes at once, so that a long delay cannot fill memory. */
const heldBytesMax = 64 * 2 ** 20;

/** The event loop gets a turn as often. */
const turnMsMax = 20;

interface HeldMessage {
  readonly place: number;
  readonly message: SourceMessage;
  /** Goes when both have come: so many messages were sent, and this time. */
  readonly afterSent: number;
  readonly dueMs: number;
}

/** Where a producer says at its end what it did, so that whoever reads the stream can tell what is missing. */
export function reportSubject(run: string, producer: number | '*'): string {
  return `source.${run}.report.${producer}`;
}

/** Resolves when all it sent is stored, its report too. Throws what the sink throws, and what the source throws. */
export async function produce(options: ProduceOptions): Promise<ProducerReport> {
  const { sink, run, producer } = options;
  const report = await new Producer(options).run();
  await sink.publish(reportSubject(run, producer), JSON.stringify(report), {
    headers: {},
    id: `${run}.report.${producer}`,
  });
  await sink.flush();
  return report;
}

class Producer {
  readonly #options: ProduceOptions;
  readonly #held: HeldMessage[] = [];
  #heldBytes = 0;
  #made = 0;
  #sent = 0;
  #bytes = 0;
  #doubled = 0;
  #disordered = 0;
  #delayed = 0;
  #lost = 0;
  readonly #lostPlaces: number[] = [];

  constructor(options: ProduceOptions) {
    this.#options = options;
  }

  async run(): Promise<ProducerReport> {
    const { sink, clock, signal, producer } = this.#options;
    const before = { ...sink.counts };
    const places = this.#places();
    const pacer = createPacer(() => places.due, clock);
    const firstAtMs = clock.epoch();
    const endMs = clock.now() + (this.#options.seconds ?? Number.POSITIVE_INFINITY) * 1_000;
    let turnAtMs = clock.now();
    while (places.advance() && !signal?.aborted) {
      await pacer.next(signal).catch((error: unknown) => {
        if (!signal?.aborted) throw error;
      });
      if (signal?.aborted || clock.now() >= endMs) break;
      await this.#take(places.index);
      await this.#release(false);
      if (clock.now() - turnAtMs < turnMsMax) continue;
      // A source that is slow to make its messages must not keep signals, acknowledgements and timers waiting.
      await setImmediate();
      turnAtMs = clock.now();
    }
    await this.#release(true);
    await sink.flush();
    const { acked, retried, held } = sink.counts;
    return {
      producer,
      made: this.#made,
      sent: this.#sent,
      stored: acked - before.acked,
      bytes: this.#bytes,
      lost: this.#lost,
      doubled: this.#doubled,
      disordered: this.#disordered,
      delayed: this.#delayed,
      lostPlaces: this.#lostPlaces,
      sentAgain: retried - before.retried,
      held: held - before.held,
      // As fast as possible is no schedule that could slip.
      slippedMs: this.#options.rate.kind === 'max' ? 0 : pacer.slippedMs(),
      firstAtMs,
      storedAtMs: clock.epoch(),
    };
  }

  /** This producer's places and when each is due: every producer walks the whole schedule and takes each n-th. */
  #places(): { readonly index: number; readonly due: number; advance(): boolean } {
    const { source, rate, faults, producer, producers, count } = this.#options;
    const schedule = dueTimes(rate, faults.seed);
    const last = Math.min(count ?? Number.POSITIVE_INFINITY, source.count ?? Number.POSITIVE_INFINITY);
    let at = -1;
    let due = 0;
    return {
      get index() {
        return at;
      },
      get due() {
        return due;
      },
      advance() {
        do {
          const next = schedule.next();
          if (next.done || ++at >= last) return false;
          due = next.value;
        } while (at % producers !== producer);
        return true;
      },
    };
  }

  async #take(place: number): Promise<void> {
    const { source, faults, clock } = this.#options;
    const message = source.message(place);
    this.#made++;
    const fault: Fault | undefined = message.spared ? undefined : faultAt(faults, place);
    if (fault?.lost) {
      this.#lost++;
      if (this.#lostPlaces.length < lostPlacesMax) this.#lostPlaces.push(place);
      return;
    }
    if (fault && (fault.after > 0 || fault.delayMs > 0)) {
      if (fault.after > 0) this.#disordered++;
      if (fault.delayMs > 0) this.#delayed++;
      this.#held.push({
        place,
        message,
        afterSent: this.#sent + fault.after,
        dueMs: clock.now() + fault.delayMs,
      });
      this.#heldBytes += message.data.length;
    } else await this.#send(place, message, '');
    if (fault?.doubled) {
      this.#doubled++;
      await this.#send(place, message, '.again');
    }
  }

  /** Sends what was held back for long enough; at the end all of it, each at its time. */
  async #release(atEnd: boolean): Promise<void> {
    const { clock, signal } = this.#options;
    for (let at = 0; at < this.#held.length; ) {
      const held = this.#held[at] as HeldMessage;
      const waitMs = held.dueMs - clock.now();
      const isDue = waitMs <= 0 && this.#sent >= held.afterSent;
      if (!isDue && !atEnd && this.#heldBytes <= heldBytesMax) {
        at++;
        continue;
      }
      // An interrupted run does not wait for injected delays, but it sends what they held back.
      if (atEnd && waitMs > 0 && !signal?.aborted) await clock.sleep(waitMs);
      this.#held.splice(at, 1);
      this.#heldBytes -= held.message.data.length;
      await this.#send(held.place, held.message, '');
    }
  }

  async #send(place: number, { subject, data, headers, id }: SourceMessage, suffix: string): Promise<void> {
    const { sink, run, producer, clock } = this.#options;
    this.#sent++;
    this.#bytes += typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
    await sink.publish(subject, data, {
      id: `${id ?? `${run}.${place}`}${suffix}`,
      headers: {
        ...headers,
        [sequenceHeader]: String(place),
        [producerHeader]: String(producer),
        [sentAtHeader]: clock.epoch().toFixed(3),
      },
    });
  }
}
