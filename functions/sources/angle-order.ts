// In which order the projections of a scan are taken: an interleaved order covers the whole turn early, so that a picture of few projections is
// coarse all over instead of sharp in one direction.
import { SourceError } from './settings.ts';

export const angleOrders = ['linear', 'interleaved', 'golden'] as const;

/** Places of the projections in the order of sending; each once. Throws `SourceError`. */
export function scanOrder(order: string, count: number): Uint32Array {
  switch (order) {
    case 'linear':
      return Uint32Array.from({ length: count }, (_, i) => i);
    case 'interleaved':
      return bitReversed(count);
    case 'golden':
      return golden(count);
    default:
      throw new SourceError(`order is "${order}"; give one of ${angleOrders.join(', ')}`);
  }
}

/** Counting with the bits in reverse halves the largest gap with every doubling. */
function bitReversed(count: number): Uint32Array {
  const bits = Math.ceil(Math.log2(Math.max(2, count)));
  const order: number[] = [];
  for (let i = 0; order.length < count; i++) {
    let reversed = 0;
    for (let bit = 0; bit < bits; bit++) if (i & (1 << bit)) reversed |= 1 << (bits - 1 - bit);
    if (reversed < count) order.push(reversed);
  }
  return Uint32Array.from(order);
}

/** Steps of the golden ratio; a place that is taken gives way to the next free one. */
function golden(count: number): Uint32Array {
  const step = Math.max(1, Math.round(count * ((Math.sqrt(5) - 1) / 2)));
  const taken = new Uint8Array(count);
  const order = new Uint32Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    while (taken[at]) at = (at + 1) % count;
    taken[at] = 1;
    order[i] = at;
    at = (at + step) % count;
  }
  return order;
}
