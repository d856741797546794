/**
 * All instances of one function version on this node, and the calls that wait for one of them.
 * Hands calls to the least loaded instance; says how many more it can take (the credit of the pulls).
 */
import type { Clock } from '#common';
import { callsAtOnce, longestCallMs } from '#model';
import type { FunctionVersion } from '#proto';
import type { CallTimes } from '#routing';
import type { Call, CallOutcome, CallRun } from '../call.ts';
import type { VersionScans } from '../records/scan-counts.ts';
import type { Instance } from './instance.ts';
import { pipelineDepth } from './pipeline.ts';
import { PoolCounts } from './pool-counts.ts';
import { RecentTimes } from './recent-times.ts';

export interface FunctionPoolOptions {
  readonly version: FunctionVersion;
  readonly clock: Clock;
  /** Starts an instance; false when no slot is free. */
  readonly start: (pool: FunctionPool) => boolean;
  /** The room has changed: the pulls' credit may have, too. */
  readonly onRoom: (pool: FunctionPool) => void;
  /** False where a call could outlast the node's walltime (R7). */
  readonly hasTime?: (pool: FunctionPool) => boolean;
  /** Where calls are counted by their scan. */
  readonly scans?: VersionScans | undefined;
}

/** Payloads that one function may hold on a node where its manifest does not say; past it nothing more is pulled (R6). */
const heldBytesDefault = 128 * 2 ** 20;
/** Calls waiting for an instance that starts; invocations past it are refused (R6). */
const waitingCallsMax = 1_024;
/** Weight of a new measurement in the smoothed service time, once there are enough of them. */
const smoothing = 1 / 32;
/** An event that was turned away comes again within this long, and until then counts as one that waits. */
const turnedAwayMs = 6_000;
/** After a failed start, the next one waits: doubling from the first to the second. */
const restartMinMs = 200;
const restartMaxMs = 10_000;

export class FunctionPool {
  readonly version: FunctionVersion;
  readonly instances = new Set<Instance>();
  /** Wanted by the gateway. */
  wanted = 0;
  activator = false;
  pull = true;
  handled = 0;
  failed = 0;
  startError = '';
  serviceMs: number | undefined;
  /** How long the last instance took to start; 0 before the first. */
  startMs = 0;
  readonly times = new RecentTimes();
  /** What a call may take (R7). */
  readonly callTimes: CallTimes;
  readonly counts: PoolCounts;
  /** Gathered events whose parts are being fetched: they will be calls soon. */
  fetching = 0;
  /** When it last started an instance without being told to. */
  wokenAt = Number.NEGATIVE_INFINITY;
  readonly #options: FunctionPoolOptions;
  /** Some of its calls follow a key that is open (G13). */
  readonly #follows: boolean;
  readonly #waiting: Call[] = [];
  #turnedAwayAt = Number.NEGATIVE_INFINITY;
  #heldBytes = 0;
  /** Smoothed: more than one where calls are packs. */
  #eventsEach = 1;
  #messages = 0;
  #messageEvents = 0;
  #startFailures = 0;
  #noStartBefore = 0;

  constructor(options: FunctionPoolOptions) {
    this.#options = options;
    this.version = options.version;
    this.callTimes = timesOf(longestCallMs(options.version.spec), this.times);
    this.counts = new PoolCounts(options.version.spec?.resources?.cpu ?? 1);
    this.#follows = options.version.spec?.triggers.some(({ gather }) => gather?.streaming) ?? false;
  }

  get inFlight(): number {
    let sum = this.#waiting.length + this.fetching;
    for (const instance of this.instances) sum += instance.inFlight;
    return sum;
  }

  /** Events of a message, smoothed: more than one where they come in packs; 0 before the first. */
  get messageEvents(): number {
    return this.#messageEvents;
  }

  /** What an event takes: those of a batch take it together. The autoscaler counts in events, as `callsAtOnce` does. */
  get eventMs(): number {
    const batches = this.#eventsEach / Math.max(1, this.version.spec?.batch?.size ?? 1);
    return (this.serviceMs ?? 0) / Math.max(1, batches);
  }

  /** A message has come that holds so many events. */
  sawMessage(events: number): void {
    this.#messageEvents += Math.max(smoothing, 1 / ++this.#messages) * (events - this.#messageEvents);
  }

  /** Instances that take calls now or soon. */
  get active(): number {
    let count = 0;
    for (const instance of this.instances) if (instance.phase === 'starting' || instance.phase === 'ready') count++;
    return count;
  }

  /** Neither are instances wanted or left on this node, nor is it the one that wakes the function. */
  get isMeantElsewhere(): boolean {
    return this.wanted === 0 && !this.activator && this.active === 0;
  }

  /** An event was given back lately for want of a slot. */
  get turnsAway(): boolean {
    return this.active === 0 && this.#options.clock.monotonic() - this.#turnedAwayAt < turnedAwayMs;
  }

  /** R7: a call that begins now ends before the node does. */
  get hasTime(): boolean {
    return this.#options.hasTime?.(this) ?? true;
  }

  get ready(): boolean {
    for (const instance of this.instances) if (instance.phase === 'ready') return true;
    return false;
  }

  get depth(): number {
    // A pack is one call, however many events it has.
    // One that follows an open key may last: none waits behind it.
    const serviceMs = this.#follows ? undefined : this.serviceMs;
    return pipelineDepth(serviceMs, Math.ceil(callsAtOnce(this.version.spec) / this.#eventsEach));
  }

  /** True while a start that has just failed should not be tried again. */
  get restartHeld(): boolean {
    return this.#isFailing || this.#options.clock.monotonic() < this.#noStartBefore;
  }

  /** A start has failed whose process is not gone yet: its end tells those who wait, and for how long none is tried. */
  get #isFailing(): boolean {
    for (const { phase, loaded, unwanted } of this.instances)
      if (phase === 'draining' && !loaded && !unwanted) return true;
    return false;
  }

  /** Events that may be held at most now: those inside and those asked for. */
  get capacity(): number {
    if (this.roomBytes <= 0 || !this.hasTime) return 0;
    let ready = 0;
    for (const instance of this.instances) if (instance.phase === 'ready') ready++;
    // A sleeping function's activator keeps one pull of one open (design, "Zero").
    if (ready === 0) return this.activator && this.active === 0 && !this.restartHeld ? 1 : 0;
    return Math.min(ready * this.depth, this.version.spec?.limits?.inFlight || Number.POSITIVE_INFINITY);
  }

  /** Bytes of payloads that it may still take. */
  get roomBytes(): number {
    return (this.version.spec?.limits?.memoryBytes || heldBytesDefault) - this.#heldBytes;
  }

  /** False when the queue is full. */
  submit(call: Call): boolean {
    if (this.#waiting.length >= waitingCallsMax) return false;
    const held = this.#hold(call);
    const instance = this.#leastLoaded();
    if (instance) instance.run(held);
    else {
      this.#waiting.push(held);
      if (this.active === 0) this.#wake();
    }
    return true;
  }

  /** Gives waiting calls to instances with room. */
  dispatch(): void {
    while (this.#waiting.length > 0) {
      const instance = this.#leastLoaded();
      const call = instance && this.#waiting.shift();
      if (!call) break;
      instance.run(call);
    }
    this.#options.onRoom(this);
  }

  instanceReady(): void {
    this.#startFailures = 0;
    this.startError = '';
    this.dispatch();
  }

  instanceEnded(instance: Instance, reason: string, unstarted: readonly Call[]): void {
    this.instances.delete(instance);
    this.counts.addEnded(instance, this.#options.clock.now());
    this.#waiting.unshift(...unstarted);
    if (!instance.loaded && !instance.unwanted) this.#startFailed(reason);
    if (this.#waiting.length > 0 && this.active === 0 && !this.restartHeld) this.#wake();
    this.dispatch();
  }

  /** Settles everything that waits, for a pool that goes away or an agent cut off from the broker. */
  abandonWaiting(outcome: CallOutcome): void {
    for (const call of this.#waiting.splice(0)) call.settle(outcome, { instance: '', ms: 0 });
  }

  #startFailed(reason: string): void {
    this.startError = reason;
    this.#startFailures++;
    const delay = Math.min(restartMaxMs, restartMinMs * 2 ** Math.min(this.#startFailures - 1, 10));
    this.#noStartBefore = this.#options.clock.monotonic() + delay;
    if (this.active === 0) this.abandonWaiting({ kind: 'unstartable', reason });
  }

  #wake(): void {
    if (this.#isFailing) return;
    if (this.restartHeld) return this.abandonWaiting({ kind: 'unstartable', reason: this.startError });
    this.wokenAt = this.#options.clock.monotonic();
    if (this.#options.start(this)) return;
    this.#turnedAwayAt = this.wokenAt;
    this.abandonWaiting({ kind: 'unstartable', reason: 'no slot is free on the node', full: true });
  }

  #leastLoaded(): Instance | undefined {
    let best: Instance | undefined;
    const depth = this.depth;
    for (const instance of this.instances) {
      if (instance.phase !== 'ready' || instance.inFlight >= depth || instance.hasEnough) continue;
      if (!best || instance.inFlight < best.inFlight) best = instance;
    }
    return best;
  }

  /** Counts the call's bytes and its outcome around the owner's own settle. */
  #hold(call: Call): Call {
    this.#heldBytes += call.body.length;
    const settle = (outcome: CallOutcome, run: CallRun) => {
      this.#heldBytes -= call.body.length;
      this.#measure(outcome, run, call);
      call.settle(outcome, run);
    };
    // Written out: a spread takes twice as long, once an event.
    const { header, body, timeoutMs, claimed = false, mayLeave = false, packed, scan, onChunk, openFeed } = call;
    return onChunk
      ? { header, body, timeoutMs, claimed, onChunk, settle }
      : { header, body, timeoutMs, claimed, mayLeave, packed, scan, openFeed, settle };
  }

  #measure(outcome: CallOutcome, run: CallRun, { packed: events = 1, scan }: Call): void {
    if (outcome.kind === 'unstartable') return;
    if (outcome.kind === 'result') this.handled++;
    else this.failed++;
    if (outcome.kind === 'lost') return;
    if (scan !== undefined) this.#options.scans?.add(scan, events, outcome.kind === 'result', run.ms);
    this.times.add(run.ms);
    this.counts.addCall(run.ms);
    const weight = Math.max(smoothing, 1 / (this.handled + this.failed));
    this.#eventsEach += weight * (events - this.#eventsEach);
    this.serviceMs = this.serviceMs === undefined ? run.ms : this.serviceMs + weight * (run.ms - this.serviceMs);
  }
}

/** Asked once an event, so it is made once. */
function timesOf(timeoutMs: number, times: RecentTimes): CallTimes {
  return {
    timeoutMs,
    get samples() {
      return times.count;
    },
    get p99Ms() {
      return times.p99();
    },
  };
}
