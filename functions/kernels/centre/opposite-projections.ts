// The projections of a scan that lie half a turn apart: one pair of a scan of half a turn, many of a whole one.
import { InputError } from '../scan/errors.ts';
import type { Scan } from '../scan/scan.ts';
import type { OppositeProjections } from './phase-correlation.ts';

/** Two degrees: a scan of 180 projections may stop one short. */
const oppositeTolerance = (2 * Math.PI) / 180;
/** Pairs this close to half a turn are as good as any. */
const exactTolerance = (0.25 * Math.PI) / 180;
/** More of them make the axis no surer. */
const pairsMax = 64;

/** All slices of all pairs are rows. Throws `InputError` where no two projections are half a turn apart. */
export function oppositeProjections({ sinogram, slices, angles, columns, theta }: Scan): OppositeProjections {
  const pairs = oppositePairs(theta);
  const stackOf = (side: 0 | 1): Float32Array => {
    const values = new Float32Array(pairs.length * slices * columns);
    for (const [place, pair] of pairs.entries()) {
      for (let slice = 0; slice < slices; slice++) {
        const at = (slice * angles + pair[side]) * columns;
        values.set(sinogram.subarray(at, at + columns), (place * slices + slice) * columns);
      }
    }
    return values;
  };
  return { first: stackOf(0), opposite: stackOf(1), columns };
}

function oppositePairs(theta: Float64Array): readonly (readonly [first: number, opposite: number])[] {
  const found = Array.from(theta, (_, first) => nearestOpposite(theta, first));
  const least = found.reduce((most, { away }) => Math.min(most, away), Number.POSITIVE_INFINITY);
  if (!(least <= oppositeTolerance)) {
    const nearest = (180 * (Math.PI - least)) / Math.PI;
    throw new InputError(
      'theta',
      `no two projections are half a turn apart (the nearest are ${nearest.toFixed(1)} degrees apart).`,
    );
  }
  const good = found.flatMap(({ opposite, away }, first) =>
    // Each pair once.
    away <= Math.max(least, exactTolerance) && (theta[first] as number) <= (theta[opposite] as number)
      ? [[first, opposite] as const]
      : [],
  );
  const step = Math.ceil(good.length / pairsMax);
  return good.filter((_, place) => place % step === 0);
}

function nearestOpposite(theta: Float64Array, first: number): { readonly opposite: number; readonly away: number } {
  let [opposite, away] = [first, Math.PI];
  for (let angle = 0; angle < theta.length; angle++) {
    const apart = Math.abs(Math.abs((theta[angle] as number) - (theta[first] as number)) - Math.PI);
    if (apart < away) [opposite, away] = [angle, apart];
  }
  return { opposite, away };
}
