/**
 * The calls inside one instance, in the order in which they were handed over: the oldest `concurrency` of them run, the
 * others wait in its socket. A pack counts each of its events. A call's clock starts when it begins to run.
 */
import type { RunHeader } from '#frames';
import type { Call } from '../call.ts';
import type { BodyFile } from './body-files.ts';

export interface RunningCall {
  readonly call: Call;
  /** When it became one of those that run; 0 before. */
  startedAt: number;
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

export class RunningCalls {
  readonly #concurrency: number;
  /** By the id of their frame. */
  readonly #calls = new Map<number, RunningCall>();
  #events = 0;
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
    this.#calls.set(id, { call, startedAt: this.#events < this.#concurrency ? now : 0, file, handedOverAt: now });
    this.#events += eventsOf(call);
    this.#bytes += call.body.length;
    return id;
  }

  /** The call has ended: the next one in line starts to run. */
  remove(id: number, now: number): RunningCall | undefined {
    const ended = this.#calls.get(id);
    if (!ended) return undefined;
    this.#calls.delete(id);
    this.#events -= eventsOf(ended.call);
    this.#bytes -= ended.call.body.length;
    this.#promote(now);
    return ended;
  }

  get(id: number): RunningCall | undefined {
    return this.#calls.get(id);
  }

  ids(): IterableIterator<number> {
    return this.#calls.keys();
  }

  /** A pool hands a call on in a copy of its own; its header names it. */
  *idsOf({ header }: Call): Generator<number, void, void> {
    for (const [id, { call }] of this.#calls) if (call.header === header) yield id;
  }

  /** Ids of those that have run past their timeout. */
  late(now: number): number[] {
    return [...this.#running()].filter(([, { call, startedAt }]) => now - startedAt > call.timeoutMs).map(([id]) => id);
  }

  /** Takes all of them out: those that ran, and those that never began. */
  clear(): { readonly ran: readonly RunningCall[]; readonly unstarted: readonly RunningCall[] } {
    const all = [...this.#calls.values()];
    const running = [...this.#running()].length;
    this.#calls.clear();
    this.#events = 0;
    this.#bytes = 0;
    return { ran: all.slice(0, running), unstarted: all.slice(running) };
  }

  /** Once an event: a plain loop. */
  #promote(now: number): void {
    let ahead = 0;
    for (const running of this.#calls.values()) {
      if (ahead >= this.#concurrency) return;
      ahead += eventsOf(running.call);
      if (running.startedAt === 0) running.startedAt = now;
    }
  }

  *#running(): Generator<[number, RunningCall], void, void> {
    let ahead = 0;
    for (const entry of this.#calls) {
      if (ahead >= this.#concurrency) return;
      ahead += eventsOf(entry[1].call);
      yield entry;
    }
  }
}

function eventsOf({ packed = 1 }: Call): number {
  return packed;
}
