/**
 * `npm run bench -- scale`: 10, 100 and 1,000 agents, or `--agents 1000,2000`, that speak the real gRPC, against one real gateway
 * and nats-server: how soon wanted sets are applied, what the gateway costs, how long a round takes, how soon all are back after
 * a restart, and what breaks next.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../harness/eventually.ts';
import { FunctionFolder } from '../../harness/functions.ts';
import { TestPilot } from '../../harness/pilot.ts';
import { cpuNanoseconds } from '../cpu.ts';
import { type BenchReport, median } from '../report.ts';
import { growthText, type ScaleRow } from './growth.ts';
import type { Order, Tell } from './sim-agents.ts';

const functionCount = 50;
const slotsPerNode = 16;
const processes = 2;
const steadyMs = 10_000;
const changes = 4;
/** Rounds differ by less than this when nothing happens. */
const calmFactor = 1.5;

export async function benchScale({ agents: sizes }: { readonly agents: readonly number[] }): Promise<BenchReport> {
  using folder = new FunctionFolder();
  await using pilot = await TestPilot.start({ nodes: 1, coresPerNode: 1 });
  using fleet = new SimFleet(pilot.directory);
  for (let at = 0; at < functionCount; at++) {
    await folder.deploy(pilot, `f${at}`, '(event) => event.data', [
      `on: [{ subject: "f${at}.*" }]`,
      'scale: { max: 640 }',
      'placement: { labels: { simulated: "yes" } }',
    ]);
  }
  const rows: ScaleRow[] = [];
  for (const agents of sizes) {
    await fleet.grow(agents);
    rows.push(await measure(pilot, fleet, agents));
  }
  return { rows, text: growthText(rows) };
}

async function measure(pilot: TestPilot, fleet: SimFleet, agents: number): Promise<ScaleRow> {
  const perFunction = Math.floor((agents * slotsPerNode) / functionCount);
  await Promise.all(Array.from({ length: functionCount }, (_, at) => setMin(pilot, `f${at}`, perFunction)));
  const instances = perFunction * functionCount;
  await eventually(() => fleet.total() === instances, { timeoutMs: 120_000, what: `${instances} instances told` });
  await eventually(() => fleet.followed() === agents, { timeoutMs: 60_000, what: `${agents} agents followed` });
  const steady = await measureSteady(pilot);
  const appliedMs: number[] = [];
  for (let change = 0; change < changes; change++) {
    const wanted = change % 2 === 0 ? Math.floor(perFunction / 2) : perFunction;
    const begun = performance.now();
    await setMin(pilot, 'f0', wanted);
    await eventually(() => fleet.count('f0') === wanted, { timeoutMs: 60_000, what: `${wanted} instances of f0` });
    appliedMs.push(performance.now() - begun);
  }
  const before = { agents, instances, appliedMs: median(appliedMs), appliedMsMax: Math.max(...appliedMs), ...steady };
  process.stderr.write(`${JSON.stringify(before)}\n`);
  return {
    ...before,
    reconnectMs: await restart(pilot, fleet, agents),
  };
}

/** Bounds that leave the autoscaler nothing to decide: no events come. */
async function setMin(pilot: TestPilot, name: string, count: number): Promise<void> {
  await pilot.client.setScale(name, { min: count, max: Math.max(1, count), pausedIn: false, pausedOut: false });
}

async function measureSteady(
  pilot: TestPilot,
): Promise<Pick<ScaleRow, 'roundMs' | 'roundMsMax' | 'gatewayCpuPercent' | 'gatewayMiB' | 'brokerCpuPercent'>> {
  const gateway = pilot.pid('n1', 'gateway');
  const broker = pilot.pid('n1', 'nats-server');
  await calm(pilot);
  const rounds: number[] = [];
  const begun = { at: performance.now(), gateway: cpuNanoseconds(gateway), broker: cpuNanoseconds(broker) };
  while (performance.now() - begun.at < steadyMs) {
    rounds.push((await pilot.client.scale('f0')).roundMs);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const percent = (now: number, before: number) => (100 * (now - before)) / 1e6 / (performance.now() - begun.at);
  return {
    roundMs: median(rounds),
    roundMsMax: Math.max(...rounds),
    gatewayCpuPercent: percent(cpuNanoseconds(gateway), begun.gateway),
    brokerCpuPercent: percent(cpuNanoseconds(broker), begun.broker),
    gatewayMiB: Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway}/status`, 'utf8'))?.[1]) / 1_024,
  };
}

/** Until what the growth has left behind is done: rounds take what they took before, three times in a row. */
async function calm(pilot: TestPilot): Promise<void> {
  let last = Number.POSITIVE_INFINITY;
  let alike = 0;
  await eventually(
    async () => {
      const { roundMs } = await pilot.client.scale('f0');
      if (roundMs !== last) alike = roundMs < calmFactor * last && last < calmFactor * roundMs ? alike + 1 : 0;
      last = roundMs;
      return alike >= 3;
    },
    { timeoutMs: 60_000, what: 'rounds that are alike' },
  );
}

/** kill -9 of the gateway; until every agent follows the new one and has a set of it. */
async function restart(pilot: TestPilot, fleet: SimFleet, agents: number): Promise<number> {
  const old = fleet.epoch();
  const begun = performance.now();
  process.kill(pilot.pid('n1', 'gateway'), 'SIGKILL');
  await eventually(() => fleet.followedSince(old) === agents, {
    timeoutMs: 120_000,
    what: 'all agents follow the new gateway',
  });
  return performance.now() - begun;
}

class SimFleet {
  readonly #children: { child: ChildProcess; state: NonNullable<Tell['state']>; started: number }[] = [];
  #size = 0;

  constructor(directory: string) {
    for (let at = 0; at < processes; at++) {
      const child = fork(join(import.meta.dirname, 'sim-agents.ts'), [directory], { stdio: 'inherit' });
      const entry = { child, state: { counts: {}, followed: {} } as NonNullable<Tell['state']>, started: 0 };
      child.on('message', ({ started, state }: Tell) => {
        if (started !== undefined) entry.started += started;
        if (state) entry.state = state;
      });
      this.#children.push(entry);
    }
  }

  async grow(size: number): Promise<void> {
    const more = size - this.#size;
    let from = this.#size;
    for (const [at, { child }] of this.#children.entries()) {
      const to = at === processes - 1 ? size : from + Math.floor(more / processes);
      const order: Order = { from, to, liars: [] };
      child.send(order);
      from = to;
    }
    this.#size = size;
    await eventually(() => this.#children.reduce((sum, { started }) => sum + started, 0) === size, {
      timeoutMs: 240_000,
      what: `${size} agents`,
    });
  }

  count(name: string): number {
    return this.#children.reduce((sum, { state }) => sum + (state.counts[name] ?? 0), 0);
  }

  total(): number {
    return this.#children.reduce((sum, { state }) => sum + Object.values(state.counts).reduce((a, b) => a + b, 0), 0);
  }

  followed(): number {
    return this.followedSince(-1);
  }

  /** Newest epoch that an agent follows. */
  epoch(): number {
    return Math.max(0, ...this.#children.flatMap(({ state }) => Object.keys(state.followed).map(Number)));
  }

  followedSince(epoch: number): number {
    return this.#children.reduce(
      (sum, { state }) =>
        sum + Object.entries(state.followed).reduce((own, [of, count]) => (Number(of) > epoch ? own + count : own), 0),
      0,
    );
  }

  [Symbol.dispose](): void {
    for (const { child } of this.#children) child.kill('SIGKILL');
  }
}
