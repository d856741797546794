// The gate for "equal to the reference": relative L2 <= 1e-4 and no value further off than 1e-3 of the largest.
import { expect } from 'vitest';
import { relativeL2 } from '../../../functions/phantom/index.ts';

export function expectClose(values: ArrayLike<number>, reference: ArrayLike<number>): void {
  expect(values.length).toBe(reference.length);
  expect(relativeL2(values, reference)).toBeLessThanOrEqual(1e-4);
  let [largest, worst] = [0, 0];
  for (let i = 0; i < reference.length; i++) {
    largest = Math.max(largest, Math.abs(reference[i] as number));
    worst = Math.max(worst, Math.abs((values[i] as number) - (reference[i] as number)));
  }
  expect(worst).toBeLessThanOrEqual(1e-3 * largest);
}
