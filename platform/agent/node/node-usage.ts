/** How busy this machine is, whoever keeps it so: what slots do not tell, where a node is shared or a function uses more than it said. */
import { readFileSync } from 'node:fs';

export interface NodeUsage {
  /** Share of the time of all cores, 0 to 1, over about ten seconds. */
  readonly cpu: number;
  /** Share of the memory that cannot be had, 0 to 1. */
  readonly memory: number;
}

interface CpuTimes {
  readonly busy: number;
  readonly all: number;
}

const sampleEveryMs = 1_000;
/** What a sample weighs: the last ten make up two thirds of the average. */
const sampleWeight = 0.1;

export class NodeUsageMeter {
  readonly #timer: NodeJS.Timeout;
  #times: CpuTimes | undefined;
  #cpu: number | undefined;

  constructor() {
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), sampleEveryMs).unref();
  }

  /** Zeros where the machine does not say. */
  current(): NodeUsage {
    return { cpu: this.#cpu ?? 0, memory: parseMemoryUse(read('/proc/meminfo')) };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const times = parseCpuTimes(read('/proc/stat'));
    const before = this.#times;
    this.#times = times;
    if (!times || !before || times.all <= before.all) return;
    const share = (times.busy - before.busy) / (times.all - before.all);
    this.#cpu = this.#cpu === undefined ? share : this.#cpu + sampleWeight * (share - this.#cpu);
  }
}

/** Of all cores together, in ticks; time that was stolen by other machines counts as busy. */
export function parseCpuTimes(stat: string): CpuTimes | undefined {
  const words = /^cpu +([\d ]+)/.exec(stat)?.[1]?.trim().split(' ').map(Number);
  if (!words || words.length < 5) return undefined;
  // user nice system idle iowait irq softirq steal; what guests use is in user already.
  const all = words.slice(0, 8).reduce((sum, ticks) => sum + ticks, 0);
  return { all, busy: all - (words[3] ?? 0) - (words[4] ?? 0) };
}

export function parseMemoryUse(meminfo: string): number {
  const of = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? Number.NaN);
  const use = 1 - of('MemAvailable') / of('MemTotal');
  return use >= 0 && use <= 1 ? use : 0;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
