/**
 * Not a policy to run: it is told the rate of the present, and gives each waiting event an instance of its own. What it misses,
 * nobody avoids who knows no future and keeps nothing idle before it is needed.
 */
import type { Policy } from './policy.ts';
import { simulate } from './simulate.ts';
import type { Trace } from './traces.ts';

/** Percent of events that waited too long, mean of the seeds. */
export function unavoidableMissPercent(trace: Trace, seeds: readonly number[]): number {
  const shares = seeds.map((seed) => {
    const { misses, events } = simulate(trace, presentOf(trace), seed);
    return (100 * misses) / events;
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** One function after the other, in the order of the trace, as the simulation asks for them. */
function presentOf({ functions }: Trace): () => Policy {
  let next = 0;
  return () => {
    const of = functions[next++ % functions.length];
    return ({ now, lag, max }) => {
      const busy = ((of?.rate(now / 1_000) ?? 0) * (of?.serviceMeanMs ?? 0)) / 1_000;
      const wanted = Math.min(max, Math.ceil(busy) + lag);
      return { wanted, needed: wanted };
    };
  };
}
