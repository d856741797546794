/** Arrays as pictures: the mean of each block, whatever their sides, and nothing where the bytes are not what they are said to be. */
import { describe, expect, it } from 'vitest';
import { floatArrayOf, shrink } from '../../platform/gateway/observe/picture.ts';
import { fc } from '../harness/properties.ts';

const floats = (values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);
const valuesOf = (bytes: Uint8Array) => [...new Float32Array(bytes.slice().buffer)];

describe('shrink()', () => {
  it('takes the mean of each block, also of those cut off at the edge', () => {
    const { rows, columns, bytes } = shrink({ bytes: floats([1, 3, 10, 5, 7, 20, 2, 4, 30]), rows: 3, columns: 3 }, 2);
    expect([rows, columns, valuesOf(bytes)]).toEqual([2, 2, [4, 15, 3, 30]]);
  });

  it('keeps what fits', () => {
    const array = { bytes: floats([1, 2, 3, 4]), rows: 2, columns: 2 };
    expect(shrink(array, 2)).toEqual(array);
  });

  it('has no side over the limit, and no value outside of the array, at any place in memory', () => {
    const side = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(side, side, fc.integer({ min: 1, max: 20 }), fc.nat(3), (rows, columns, limit, offset) => {
        const values = Array.from({ length: rows * columns }, (_, at) => at % 7);
        const buffer = new Uint8Array(rows * columns * 4 + offset);
        buffer.set(floats(values), offset);
        const shown = shrink({ bytes: buffer.subarray(offset), rows, columns }, limit);
        expect(Math.max(shown.rows, shown.columns)).toBeLessThanOrEqual(limit);
        const seen = valuesOf(shown.bytes);
        expect(seen).toHaveLength(shown.rows * shown.columns);
        for (const value of seen) expect(value >= 0 && value <= 6).toBe(true);
      }),
    );
  });
});

it.each([
  ['another type', 'u16', [2, 2], 16],
  ['three sides', 'f32', [1, 2, 2], 16],
  ['no shape', 'f32', [], 16],
  ['too few bytes', 'f32', [2, 2], 12],
  ['no rows', 'f32', [0, 4], 0],
])('%s is no picture', (_what, dtype, shape, bytes) => {
  expect(floatArrayOf(new Uint8Array(bytes), { dtype, shape })).toBeUndefined();
});
