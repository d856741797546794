/** How soon a function answers, and what the way to it costs: starts, hand-over, invocation, memory; each against a bare baseline. */
import type { BenchResult } from './report.ts';
import type { BenchOptions } from './run.ts';
import { benchFromZero } from './runtime/from-zero.ts';
import { benchHandover } from './runtime/handover.ts';
import { benchInvoke } from './runtime/invoke.ts';
import { benchStart } from './runtime/start.ts';

/** Starts vary more than the rest: more of them. */
const startsPerRun = 3;

export async function benchRuntime({ runs }: BenchOptions): Promise<BenchResult[]> {
  const handover = await benchHandover(runs);
  const invoke = await benchInvoke(runs);
  const fromZero = await benchFromZero(startsPerRun * runs);
  return [...(await benchStart(startsPerRun * runs)), ...fromZero, ...handover, ...invoke];
}
