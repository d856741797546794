/**
 * Hosts that have booted and wait for a function: a first event then costs 2 ms, not the 40 ms of a new process.
 * One a memory class, because the heap's limit is fixed when a process starts. A host never serves a second function.
 */
import { type HostPlaces, type HostPlan, nodePlan } from '#isolation';
import { HostProcess, type HostSettings } from './host-process.ts';

/** 9 MB each; functions of one pilot rarely have more classes. */
const classesMax = 4;
/** The next host boots this long after one was taken, which has had the processor for its function's start by then. */
const nextAfterMs = 250;
/** After a host has ended while it waited (memory ran out, say), the next one is not started at once. */
const replaceAfterMs = 1_000;

export class HostPool {
  readonly #settings: HostSettings;
  readonly #waiting = new Map<number, HostProcess>();
  #next = 1;
  #closed = false;

  constructor(settings: HostSettings) {
    this.#settings = settings;
  }

  /** A waiting host of this class, or a new process. */
  take(memoryBytes: number): HostProcess {
    const waiting = this.#waiting.get(memoryBytes);
    this.#waiting.delete(memoryBytes);
    if (!this.#closed) setTimeout(() => this.prepare(memoryBytes), nextAfterMs).unref();
    return waiting?.alive ? waiting : this.#fork(memoryBytes);
  }

  /** Has a host of this class wait, where there is none yet. */
  prepare(memoryBytes: number): void {
    if (this.#closed || this.#waiting.has(memoryBytes) || this.#waiting.size >= classesMax) return;
    const host = this.#fork(memoryBytes);
    this.#waiting.set(memoryBytes, host);
    host.onIdleEnd = () => {
      if (this.#waiting.get(memoryBytes) !== host) return;
      this.#waiting.delete(memoryBytes);
      setTimeout(() => this.prepare(memoryBytes), replaceAfterMs).unref();
    };
  }

  /** Unique across restarts of the agent, too: its pid is part of the name. */
  nextId(): string {
    return `${this.#settings.config.node}-${process.pid.toString(36)}-${(this.#next++).toString(36)}`;
  }

  /** A process besides the pool, for a function that no waiting host could serve. */
  startOwn(planFor: (places: HostPlaces) => HostPlan, id = this.nextId()): HostProcess {
    return new HostProcess(id, this.#settings, planFor);
  }

  /** Ends those that wait. */
  close(): void {
    this.#closed = true;
    for (const host of this.#waiting.values()) host.kill('SIGKILL');
    this.#waiting.clear();
  }

  #fork(memoryBytes: number): HostProcess {
    return this.startOwn((places) => nodePlan(places, memoryBytes));
  }
}
