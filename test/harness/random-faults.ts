/** Seeded faults on a pilot's processes: kill -9 and pauses of instance, agents, gateway and nats-server, in the manner of Jepsen. */
import { systemClock } from '#common';
import type { TestPilot } from './pilot.ts';

export interface Fault {
  readonly process: string;
  /** Milliseconds stopped; 0 for kill -9. */
  readonly pauseMs: number;
}

/** What two nodes with one server have. */
export const allProcesses = ['instance', 'n1 agent', 'n2 agent', 'n1 gateway', 'n1 nats-server'] as const;
/** Longer than a lease at times, so that agents are cut off. */
const pauseMsLongest = 9_000;
const betweenMsMin = 1_000;
const betweenMsMax = 4_000;

/** Linear congruential, as good as a seed needs to be: a failing run can be run again. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state / 0x7fff_ffff;
  };
}

export interface FaultOptions {
  readonly seed: number;
  /** Whose instances are hit. */
  readonly functionNames: readonly string[];
  readonly processes?: readonly string[];
  readonly pauseMsMax?: number;
}

/** One fault after another until `until` settles; returns what was done, for the failure's message. */
export async function inflictFaults(
  pilot: TestPilot,
  { seed, functionNames, processes = allProcesses, pauseMsMax = pauseMsLongest }: FaultOptions,
  until: Promise<unknown>,
): Promise<Fault[]> {
  const random = seededRandom(seed);
  const faults: Fault[] = [];
  let over = false;
  const end = until.then(
    () => {
      over = true;
    },
    () => {
      over = true;
    },
  );
  for (;;) {
    await Promise.race([end, systemClock.sleep(betweenMsMin + random() * (betweenMsMax - betweenMsMin))]);
    if (over) return faults;
    const name = processes[Math.floor(random() * processes.length)] ?? 'instance';
    const pauseMs = random() < 0.5 ? 0 : Math.round(1_000 + random() * (pauseMsMax - 1_000));
    const functionName = functionNames[Math.floor(random() * functionNames.length)] ?? '';
    const pid = await pidOf(pilot, functionName, name);
    if (pid !== undefined && (await inflict(pid, pauseMs))) faults.push({ process: name, pauseMs });
  }
}

/** Undefined where there is no such process just now: the last fault is still being mended. */
async function pidOf(pilot: TestPilot, functionName: string, name: string): Promise<number | undefined> {
  try {
    const [node = '', process = ''] = name.split(' ');
    if (name !== 'instance') return pilot.pid(node, process);
    return (await pilot.client.get(functionName)).instances[0]?.pid || undefined;
  } catch {
    return undefined;
  }
}

/** False when the process has ended meanwhile. A stopped process is always woken again. */
async function inflict(pid: number, pauseMs: number): Promise<boolean> {
  try {
    process.kill(pid, pauseMs === 0 ? 'SIGKILL' : 'SIGSTOP');
  } catch {
    return false;
  }
  if (pauseMs === 0) return true;
  await systemClock.sleep(pauseMs);
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // Its launcher has ended it meanwhile.
  }
  return true;
}
