/** The loads that policies are compared on. Rates are events a second as a function of the time in seconds. */
import type { Random } from './random.ts';

export interface SimFunction {
  readonly name: string;
  readonly rate: (second: number) => number;
  /** Milliseconds of one call. */
  readonly service: (random: Random) => number;
  readonly serviceMeanMs: number;
  readonly max: number;
}

export interface Trace {
  readonly name: string;
  readonly seconds: number;
  readonly functions: readonly SimFunction[];
  readonly nodes: readonly { readonly id: string; readonly slots: number }[];
  /** Second at which a node is lost; its events come back after their lease. */
  readonly lost?: { readonly second: number; readonly node: string };
  /** More nodes can be had, after this long in the queue. */
  readonly queueSeconds?: number;
  /** Seconds at which the load changes for the worse: from there the time to recover is counted. */
  readonly disturbances: readonly number[];
}

const exponential = (meanMs: number) => (random: Random) => random.exponential(meanMs);

function plain(rate: (second: number) => number, more: Partial<SimFunction> = {}): SimFunction {
  return { name: 'f', rate, service: exponential(100), serviceMeanMs: 100, max: 64, ...more };
}

const roomy = Array.from({ length: 8 }, (_, at) => ({ id: `n${at + 1}`, slots: 8 }));

export const traces: readonly Trace[] = [
  {
    name: 'step',
    seconds: 240,
    functions: [plain((second) => (second >= 60 && second < 160 ? 100 : 10))],
    nodes: roomy,
    disturbances: [60],
  },
  {
    name: 'ramp',
    seconds: 240,
    functions: [
      plain((second) => 10 + 240 * Math.max(0, Math.min(1, (second - 40) / 60, (210 - second) / 60)), {
        service: exponential(40),
        serviceMeanMs: 40,
      }),
    ],
    nodes: roomy,
    disturbances: [40],
  },
  {
    name: 'burst',
    seconds: 240,
    functions: [plain((second) => (second >= 60 && second % 60 < 5 ? 200 : 10))],
    nodes: roomy,
    disturbances: [60, 120, 180],
  },
  {
    name: 'sine',
    seconds: 300,
    functions: [
      plain((second) => 20 + 16 * Math.sin((2 * Math.PI * second) / 60), {
        service: exponential(400),
        serviceMeanMs: 400,
      }),
    ],
    nodes: roomy,
    disturbances: [0],
  },
  {
    name: 'duty-cycle',
    seconds: 360,
    functions: [plain((second) => (second % 120 < 30 ? 80 : 0))],
    nodes: roomy,
    disturbances: [0, 120, 240],
  },
  {
    name: 'heavy-tail',
    seconds: 240,
    functions: [
      plain((second) => (second >= 100 ? 60 : 30), {
        service: (random) => random.lognormal(150, 1.6),
        serviceMeanMs: 150,
      }),
    ],
    nodes: roomy,
    disturbances: [100],
  },
  {
    name: 'node-loss',
    seconds: 200,
    functions: [plain(() => 100)],
    nodes: roomy.slice(0, 3),
    lost: { second: 100, node: 'n1' },
    disturbances: [100],
  },
  {
    name: 'slow-queue',
    seconds: 300,
    functions: [plain((second) => (second >= 60 && second < 200 ? 100 : 20))],
    nodes: roomy.slice(0, 1),
    queueSeconds: 45,
    disturbances: [60],
  },
  {
    name: 'two-functions',
    seconds: 240,
    functions: [
      plain((second) => (second >= 60 ? 75 : 30), { name: 'steady' }),
      plain((second) => (second % 60 < 15 ? 35 : 3), {
        name: 'bursty',
        service: exponential(200),
        serviceMeanMs: 200,
      }),
    ],
    nodes: roomy.slice(0, 2),
    disturbances: [60, 120, 180],
  },
];
