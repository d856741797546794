/**
 * Lets go of events that nobody needs any more (R8, G10): reads what each trigger has finished, asks `decideTrims`, purges.
 * Only the gateway's role may purge. Safe to run twice: a purge that is repeated finds nothing.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  type Buckets,
  consumerName,
  duplicateWindowMs,
  eventSubject,
  gatherKey,
  readGatherMark,
  readLag,
  streams,
} from '#broker';
import { type Clock, messageOf } from '#common';
import { templatePattern } from '#model';
import type { FunctionSpec, Trigger } from '#proto';
import { decideTrims, type GatherTrimTrigger, type PlainTrimTrigger, type Trim, type TrimSnapshot } from '#routing';
import type { Logger } from '#telemetry';
import type { ClaimKeeper, ClaimNeeds } from '../claims/claim-keeper.ts';
import { ClosedKeys } from './closed-keys.ts';
import { firstInLine } from './first-in-line.ts';
import { gatherFilters, isCollected, triggerStream } from './trigger-stream.ts';

export interface TrimmerOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  /** The connection's inbox prefix. */
  readonly inbox: string;
  readonly buckets: Pick<Buckets, 'gatherMarks'>;
  /** Every function whose triggers have consumers. */
  readonly functions: () => readonly FunctionSpec[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** What goes with the events. */
  readonly claims?: Pick<ClaimKeeper, 'release'>;
  /** Messages younger than this stay; a test's may be shorter than the streams' own. */
  readonly windowMs?: number;
  readonly everyMs?: number;
}

const roundEveryMs = 2_000;
/** Above this share of its bytes, the stream of gather events gives up the oldest finished ones before their day is over. */
const gathersFullShare = 0.8;

interface StreamState {
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
  readonly bytesMax: number;
}

export class Trimmer {
  /** Rounds that have ended, failed ones left out. */
  rounds = 0;
  readonly #options: TrimmerOptions;
  readonly #windowMs: number;
  readonly #keys: ClosedKeys;
  readonly #stop = new AbortController();
  /** Last sequences by server time, one a round, the oldest first. */
  readonly #samples: { readonly timeMs: number; readonly last: number }[] = [];
  /** What was purged last, by filter: the same purge again would be for nothing. */
  readonly #purged = new Map<string, number>();
  readonly #loop: Promise<void>;
  #agedBefore: number | undefined;

  constructor(options: TrimmerOptions) {
    this.#options = options;
    this.#windowMs = options.windowMs ?? duplicateWindowMs;
    this.#keys = new ClosedKeys(options);
    this.#loop = this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#keys.close();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock, logger, everyMs = roundEveryMs } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#round();
        this.rounds++;
      } catch (error) {
        if (!this.#stop.signal.aborted) logger.warn({ error: messageOf(error) }, 'trimming failed, tried again');
      }
      await clock.sleep(everyMs, this.#stop.signal);
    }
  }

  /** The order of reading matters: stream, watermarks, ack floors, then the closed keys and dead letters those may stand on. */
  async #round(): Promise<void> {
    const functions = this.#options.functions();
    const state = await this.#readState();
    const readings = await Promise.all(
      functions.flatMap((spec) => spec.triggers.map((trigger) => this.#readTrigger(spec, trigger))),
    );
    if (!(await this.#keys.catchUp())) return;
    const triggers = readings.map((reading) => this.#resolve(reading));
    const snapshot: TrimSnapshot = {
      triggers,
      outputs: functions.flatMap(({ output }) => (output === '' ? [] : [templatePattern(output)])),
      firstSequence: state.first,
      lastSequence: state.last,
      bytes: state.bytes,
      bytesMax: state.bytesMax,
      agedBefore: this.#agedBefore ?? 0,
    };
    const trims = decideTrims(snapshot);
    for (const trim of trims) await this.#purge(trim);
    await this.#options.claims?.release(trims, state.first, await this.#claimNeeds(functions));
    for (const reading of readings) if (isCollected(reading.trigger)) await this.#trimGathers(reading);
  }

  async #claimNeeds(functions: readonly FunctionSpec[]): Promise<ClaimNeeds> {
    const ordered = functions.filter(({ order }) => order !== undefined);
    const inLine = ordered.flatMap(({ name, triggers }) =>
      triggers.map(async (trigger) => ({
        pattern: trigger.subject,
        from: await firstInLine(this.#options.manager, name, trigger.name),
      })),
    );
    return { pinned: this.#keys.pinnedEvents(), inLine: await Promise.all(inLine) };
  }

  async #readState(): Promise<StreamState> {
    const { manager } = this.#options;
    const info = await manager.streams.info(streams.events);
    const nowMs = info.ts ? Date.parse(info.ts) : this.#options.clock.now();
    const { first_seq: first, last_seq: last, bytes } = info.state;
    // A new gateway asks once where the window begins; from then on it has its own samples.
    if (this.#agedBefore === undefined) {
      const young = await manager.direct.getMessage(streams.events, { start_time: new Date(nowMs - this.#windowMs) });
      this.#agedBefore = young?.seq ?? last + 1;
    }
    this.#samples.push({ timeMs: nowMs, last });
    for (let oldest = this.#samples[0]; oldest && oldest.timeMs <= nowMs - this.#windowMs; oldest = this.#samples[0]) {
      this.#agedBefore = Math.max(this.#agedBefore, oldest.last + 1);
      this.#samples.shift();
    }
    return { first, last, bytes, bytesMax: info.config.max_bytes };
  }

  async #readTrigger(spec: FunctionSpec, trigger: Trigger): Promise<TriggerReading> {
    const { manager, buckets } = this.#options;
    const stream = triggerStream(trigger);
    const watermark =
      isCollected(trigger) || spec.order
        ? await readGatherMark(buckets.gatherMarks, gatherKey(spec.name, trigger.name))
        : undefined;
    if (spec.order) return { functionName: spec.name, trigger, watermark, lag: copiedUpTo(watermark) };
    const lag = await readLag(manager, stream, consumerName(spec.name, trigger.name));
    return { functionName: spec.name, trigger, watermark, lag };
  }

  #resolve({ functionName, trigger, watermark, lag }: TriggerReading): PlainTrimTrigger | GatherTrimTrigger {
    if (!isCollected(trigger)) return { kind: 'plain', pattern: trigger.subject, lag };
    const keys = this.#keys.spans(functionName, trigger.name, lag?.ackFloor ?? 0);
    return {
      kind: 'gather',
      pattern: trigger.subject,
      watermark,
      // Windows share messages, and a subject goes on after one has closed: only what one still needs counts.
      keys: trigger.window ? keys.filter(({ finished }) => !finished) : keys,
    };
  }

  async #purge({ filter, before }: Trim): Promise<void> {
    if (this.#purged.get(filter) === before) return;
    const { manager, logger } = this.#options;
    const { purged } = await manager.streams.purge(streams.events, { filter: eventSubject(filter), seq: before });
    this.#remember(filter, before);
    if (purged > 0) logger.debug({ filter, before, purged }, 'trimmed');
  }

  /** Keys come and go: the oldest entries of the memory are forgotten, at worst a purge is repeated. */
  #remember(filter: string, before: number): void {
    this.#purged.delete(filter);
    this.#purged.set(filter, before);
    const [oldest] = this.#purged.keys();
    if (this.#purged.size > purgedMax && oldest !== undefined) this.#purged.delete(oldest);
  }

  /**
   * A gather event is the tombstone of its key, for a day. When too many of them fill their stream, the oldest go whose
   * messages lie before the watermark: no owner will read those again and come to the same key.
   */
  async #trimGathers({ functionName, trigger, watermark, lag }: TriggerReading): Promise<void> {
    if (watermark === undefined || !lag || this.#keys.fill < gathersFullShare) return;
    const before = this.#keys.neededFrom(functionName, trigger.name, lag.ackFloor, watermark);
    for (const filter of gatherFilters(functionName, trigger.name))
      await this.#options.manager.streams.purge(streams.gathers, { filter, seq: before });
  }
}

/** With order, an event is needed here until it is in line: all before the watermark are. */
function copiedUpTo(watermark: number | undefined): TriggerReading['lag'] {
  return watermark === undefined ? undefined : { pending: 1, ackPending: 0, ackFloor: watermark - 1 };
}

/** Filters of past purges kept. */
const purgedMax = 65_536;

interface TriggerReading {
  readonly functionName: string;
  readonly trigger: Trigger;
  readonly watermark: number | undefined;
  readonly lag: { readonly pending: number; readonly ackPending: number; readonly ackFloor: number } | undefined;
}
