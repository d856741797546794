/**
 * The calls inside one instance, in the order in which they were handed over: the oldest `concurrency` of them run, the
 * others wait in its socket. A pack counts each of its events. A call's clock starts when it begins to run.
 */
import { SlotMap } from '#common';
import type { RunHeader } from '#frames';
import type { Call } from '../call.ts';
import type { BodyFile } from './body-files.ts';

export interface RunningCall {
  readonly call: Call;
  /** When it became one of those that run; 0 before. */
  startedAt: number;
  isRunning: boolean;
  ended: boolean;
  /** Where its payload lies, when it is large. */
  readonly file: BodyFile | undefined;
  readonly handedOverAt: number;
  /** How long its handler took, and when it began, as the instance says. */
  told?: RunHeader;
}

/**
 * Payloads inside an instance of which none waits for long: what it runs, and the next one or two. Files for more than that
 * are fresh pages, which cost several times what is copied into them.
 */
const aheadBytesMax = 4 * 2 ** 20;

/** Of those that have begun, the list of those that wait keeps so many. */
const passedMax = 512;

export class RunningCalls {
  readonly #concurrency: number;
  /** By the id of their frame. */
  readonly #calls = new SlotMap<number, RunningCall>();
  /** Those of `#calls` that wait for others to end, in their order; from `#nextWaiting` on. */
  #waiting: (RunningCall | undefined)[] = [];
  #nextWaiting = 0;
  #events = 0;
  /** Of those that run. */
  #runningEvents = 0;
  #bytes = 0;
  #nextId = 1;

  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** More is inside than runs at once, and it is large: a further call would gain nothing by waiting here. */
  get hasEnough(): boolean {
    return this.#events >= this.#concurrency && this.#bytes >= aheadBytesMax;
  }

  /** Returns the call's id in frames. */
  add(call: Call, file: BodyFile | undefined, now: number): number {
    const id = this.#nextId;
    // Ids are a u32 on the wire; an instance that lived for four billion calls starts again at one.
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1;
    const added = { call, startedAt: 0, isRunning: false, ended: false, file, handedOverAt: now };
    this.#calls.set(id, added);
    this.#events += eventsOf(call);
    this.#bytes += call.body.length;
    if (this.#runningEvents < this.#concurrency) this.#start(added, now);
    else this.#waiting.push(added);
    return id;
  }

  /** The call has ended: the next one in line starts to run. */
  remove(id: number, now: number): RunningCall | undefined {
    const removed = this.#calls.delete(id);
    if (!removed) return undefined;
    this.#events -= eventsOf(removed.call);
    this.#bytes -= removed.call.body.length;
    removed.ended = true;
    if (removed.isRunning) {
      this.#runningEvents -= eventsOf(removed.call);
      this.#startNext(now);
    }
    return removed;
  }

  get(id: number): RunningCall | undefined {
    return this.#calls.get(id);
  }

  ids(): number[] {
    return this.#calls.keys();
  }

  /** A pool hands a call on in a copy of its own; its header names it. */
  idsOf({ header }: Call): number[] {
    return this.#calls.keys().filter((id) => this.#calls.get(id)?.call.header === header);
  }

  /** Ids of those that have run past their timeout. */
  late(now: number): number[] {
    const late: number[] = [];
    for (const [id, { call, isRunning, startedAt }] of this.#calls.entries()) {
      // Those that run are the oldest.
      if (!isRunning) break;
      if (now - startedAt > call.timeoutMs) late.push(id);
    }
    return late;
  }

  /** Takes all of them out: those that ran, and those that never began. */
  clear(): { readonly ran: readonly RunningCall[]; readonly unstarted: readonly RunningCall[] } {
    const all = this.#calls.values();
    const running = all.filter(({ isRunning }) => isRunning).length;
    this.#calls.clear();
    this.#waiting = [];
    this.#nextWaiting = 0;
    this.#runningEvents = 0;
    this.#events = 0;
    this.#bytes = 0;
    return { ran: all.slice(0, running), unstarted: all.slice(running) };
  }

  #start(call: RunningCall, now: number): void {
    call.isRunning = true;
    call.startedAt = now;
    this.#runningEvents += eventsOf(call.call);
  }

  /** Once an event: no look through those that run, nor through the holes that a map keeps where ended ones were. */
  #startNext(now: number): void {
    while (this.#runningEvents < this.#concurrency && this.#nextWaiting < this.#waiting.length) {
      const next = this.#waiting[this.#nextWaiting];
      // Its payload must not stay as long as the list does.
      this.#waiting[this.#nextWaiting++] = undefined;
      if (next && !next.ended) this.#start(next, now);
    }
    if (this.#nextWaiting < this.#waiting.length && this.#nextWaiting < passedMax) return;
    this.#waiting = this.#waiting.slice(this.#nextWaiting);
    this.#nextWaiting = 0;
  }
}

function eventsOf({ packed = 1 }: Call): number {
  return packed;
}
