/**
 * A pilot in simulated time: arrivals, instances on nodes, a round each 250 ms that asks the policy and then places with
 * the very code of the gateway. Nothing waits, and the same seed gives the same run.
 */
import { place } from '#placement';
import { Agenda } from './agenda.ts';
import { peakNeed, recoverSeconds } from './outcome.ts';
import type { Policy } from './policy.ts';
import { createRandom, type Random } from './random.ts';
import type { Event, Happening, Instance, Running, RunResult } from './sim-model.ts';
import { SimNodes } from './sim-nodes.ts';
import type { Trace } from './traces.ts';

/** An event that waited longer than this has missed its objective. */
export const waitSloMs = 1_000;
const roundMs = 250;
/** From the agent's start until it takes events: a cold start with its report. */
const startMs = 100;
/** Events of a lost node come back after their lease; the loss is seen earlier. */
const leaseMs = 6_000;
const lossSeenMs = 5_000;
/** No trace is faster. */
const rateMax = 260;
/** As agents smooth it. */
const smoothing = 1 / 32;

export function simulate(trace: Trace, createPolicy: () => Policy, seed: number): RunResult {
  return new Simulation(trace, createPolicy, seed).run();
}

class Simulation {
  readonly #trace: Trace;
  readonly #random: Random;
  readonly #agenda = new Agenda<Happening>();
  readonly #functions: Running[];
  readonly #endMs: number;
  readonly #nodes: SimNodes;
  readonly #dead = new Set<string>();
  #now = 0;
  #instanceMs = 0;
  #serviceMs = 0;
  #misses: number[] = [];
  #missCount = 0;
  #eventCount = 0;
  #most = 0;
  #stoppedBusy = 0;
  readonly #series: { rate: number; instances: number; waiting: number }[] = [];

  constructor(trace: Trace, createPolicy: () => Policy, seed: number) {
    this.#trace = trace;
    this.#random = createRandom(seed);
    this.#endMs = trace.seconds * 1_000;
    this.#nodes = new SimNodes(trace);
    this.#functions = trace.functions.map((of) => ({
      of,
      policy: createPolicy(),
      instances: new Set(),
      idle: [],
      queue: [],
      head: 0,
      arrived: 0,
      ended: 0,
      serviceMs: undefined,
      wanted: new Map(),
    }));
    for (const running of this.#functions) this.#scheduleArrival(running, 0);
    this.#agenda.add(0, { kind: 'round' });
    if (trace.lost) {
      this.#agenda.add(trace.lost.second * 1_000, { kind: 'lost', node: trace.lost.node });
      this.#agenda.add(trace.lost.second * 1_000 + lossSeenMs, { kind: 'loss-seen', node: trace.lost.node });
    }
  }

  run(): RunResult {
    for (let next = this.#agenda.next(); next; next = this.#agenda.next()) {
      if (next.at > this.#endMs) break;
      this.#now = next.at;
      this.#handle(next.what);
    }
    this.#now = this.#endMs;
    for (const { instances, queue, head } of this.#functions) {
      for (const instance of instances) this.#instanceMs += this.#now - instance.since;
      // What still waits at the end has missed, if it has waited for long enough.
      for (const event of queue.slice(head)) this.#count(event, this.#now - event.arrivedAt);
    }
    return {
      events: this.#eventCount,
      misses: this.#missCount,
      instanceSeconds: this.#instanceMs / 1_000,
      optimumSeconds: this.#serviceMs / 1_000,
      recoverSeconds: recoverSeconds(this.#trace, this.#misses),
      overshoot: this.#most / peakNeed(this.#trace) - 1,
      series: this.#series,
      stoppedBusy: this.#stoppedBusy,
    };
  }

  #handle(what: Happening): void {
    switch (what.kind) {
      case 'arrival':
        return this.#arrive(what.running);
      case 'ready':
        return this.#ready(what.running, what.instance);
      case 'done':
        return this.#done(what.running, what.instance);
      case 'back':
        // Redelivered events come before newer ones.
        what.running.queue.splice(what.running.head, 0, what.event);
        return this.#dispatch(what.running);
      case 'round':
        this.#round();
        return this.#agenda.add(this.#now + roundMs, { kind: 'round' });
      case 'lost':
        return this.#lose(what.node);
      case 'loss-seen':
        return this.#nodes.lose(what.node);
      case 'joined':
        return this.#nodes.join(what.job);
    }
  }

  /** Thinning: candidates at the highest rate, kept by the rate of their time. */
  #scheduleArrival(running: Running, from: number): void {
    const { rate } = running.of;
    const highest = rateMax;
    let at = from;
    for (;;) {
      at += this.#random.exponential(1_000 / highest);
      if (at > this.#endMs) return;
      if (this.#random.next() < rate(at / 1_000) / highest) return this.#agenda.add(at, { kind: 'arrival', running });
    }
  }

  #arrive(running: Running): void {
    const event = { arrivedAt: this.#now, serviceMs: running.of.service(this.#random) };
    this.#serviceMs += event.serviceMs;
    running.arrived++;
    running.queue.push(event);
    this.#dispatch(running);
    this.#scheduleArrival(running, this.#now);
  }

  #dispatch(running: Running): void {
    while (running.head < running.queue.length) {
      const instance = running.idle.pop();
      if (!instance) return;
      if (instance.phase !== 'idle') continue;
      const event = running.queue[running.head++]!;
      if (running.head > 4_096) {
        running.queue = running.queue.slice(running.head);
        running.head = 0;
      }
      instance.phase = 'busy';
      instance.event = event;
      this.#count(event, this.#now - event.arrivedAt);
      this.#agenda.add(this.#now + event.serviceMs, { kind: 'done', running, instance });
    }
  }

  #count(event: Event, waitedMs: number): void {
    this.#eventCount++;
    if (waitedMs <= waitSloMs) return;
    this.#missCount++;
    this.#misses.push(event.arrivedAt + waitedMs);
  }

  #ready(running: Running, instance: Instance): void {
    if (instance.phase !== 'starting') return;
    instance.phase = 'idle';
    running.idle.push(instance);
    this.#dispatch(running);
  }

  #done(running: Running, instance: Instance): void {
    if (instance.phase !== 'busy' || !instance.event) return;
    const { serviceMs } = instance.event;
    running.ended++;
    const weight = Math.max(smoothing, 1 / running.ended);
    running.serviceMs =
      running.serviceMs === undefined ? serviceMs : running.serviceMs + weight * (serviceMs - running.serviceMs);
    instance.event = undefined;
    instance.phase = 'idle';
    if (instance.draining) return this.#end(running, instance);
    running.idle.push(instance);
    this.#dispatch(running);
  }

  #end(running: Running, instance: Instance): void {
    if (instance.phase === 'busy') this.#stoppedBusy++;
    instance.phase = 'gone';
    running.instances.delete(instance);
    this.#instanceMs += this.#now - instance.since;
  }

  #lose(node: string): void {
    this.#dead.add(node);
    for (const running of this.#functions) {
      for (const instance of [...running.instances]) {
        if (instance.node !== node) continue;
        if (instance.event) this.#agenda.add(this.#now + leaseMs, { kind: 'back', running, event: instance.event });
        instance.phase = 'gone';
        running.instances.delete(instance);
        this.#instanceMs += this.#now - instance.since;
      }
    }
  }

  #round(): void {
    const answers = this.#functions.map((running) => this.#ask(running));
    const placement = place(
      this.#nodes.here,
      this.#functions.map((running, at) => ({
        id: running.of.name,
        wanted: answers[at]!.wanted,
        needed: answers[at]!.needed,
        cpu: 1,
        weight: 1,
        guaranteed: 0,
        current: running.wanted,
      })),
    );
    for (const running of this.#functions) {
      running.wanted = placement.instances.get(running.of.name) ?? new Map();
      this.#reconcile(running);
    }
    const asked = this.#nodes.decide(
      this.#now,
      [...placement.unplaced.values()].reduce((sum, { count }) => sum + count, 0),
      (node) => this.#functions.some(({ wanted }) => (wanted.get(node) ?? 0) > 0),
    );
    if (asked) this.#agenda.add(asked.at, { kind: 'joined', job: asked.job });
    if (this.#now % 1_000 === 0) this.#record();
    let total = 0;
    for (const { instances } of this.#functions) total += instances.size;
    this.#most = Math.max(this.#most, total);
  }

  #ask(running: Running): { wanted: number; needed: number } {
    let ready = 0;
    let inside = 0;
    for (const { phase } of running.instances) {
      if (phase !== 'starting') ready++;
      if (phase === 'busy') inside++;
    }
    let current = 0;
    for (const count of running.wanted.values()) current += count;
    return running.policy({
      now: this.#now,
      lag: running.queue.length - running.head + inside,
      arrived: running.arrived,
      ended: running.ended,
      serviceMs: running.serviceMs,
      ready,
      current,
      max: running.of.max,
    });
  }

  /** As an agent does it: starts what is missing, drains what is too much, idle ones first (R5). */
  #reconcile(running: Running): void {
    for (const { id, slots } of this.#nodes.here) {
      if (this.#dead.has(id)) continue;
      const own = [...running.instances].filter((instance) => instance.node === id && !instance.draining);
      const wanted = running.wanted.get(id) ?? 0;
      const surplus = own.length - wanted;
      if (surplus > 0) {
        const order = { starting: 0, idle: 1, busy: 2, gone: 3 } as const;
        for (const instance of own.sort((a, b) => order[a.phase] - order[b.phase]).slice(0, surplus)) {
          instance.draining = true;
          if (instance.phase !== 'busy') this.#end(running, instance);
        }
      }
      // A draining instance holds its slot until it is done.
      let free = slots - this.#functions.reduce((sum, { instances }) => sum + countOn(instances, id), 0);
      for (let missing = -surplus; missing > 0 && free > 0; missing--, free--) {
        const instance: Instance = { node: id, phase: 'starting', draining: false, since: this.#now, event: undefined };
        running.instances.add(instance);
        this.#agenda.add(this.#now + startMs, { kind: 'ready', running, instance });
      }
    }
  }

  #record(): void {
    const second = this.#now / 1_000;
    const sum = { rate: 0, instances: 0, waiting: 0 };
    for (const { of, instances, queue, head } of this.#functions) {
      sum.rate += of.rate(second);
      sum.instances += instances.size;
      sum.waiting += queue.length - head;
    }
    this.#series.push(sum);
  }
}

function countOn(instances: ReadonlySet<Instance>, node: string): number {
  let count = 0;
  for (const instance of instances) if (instance.node === node) count++;
  return count;
}
