// Projections that arrive one by one come to the same picture as all at once, in any order, and a sliding window forgets what has left it.
import { describe, expect, it } from 'vitest';
import { reconstruct, StreamingGridrec } from '../../../functions/kernels/index.ts';
import { phantomRow, projectEllipses, relativeL2 } from '../../../functions/phantom/index.ts';
import { scanOrder } from '../../../functions/sources/index.ts';

const [columns, angles, slices] = [96, 60, 3];
const theta = Float64Array.from({ length: 2 * angles }, (_, i) => (Math.PI * i) / angles);
const sinograms = Array.from({ length: slices }, (_, row) =>
  projectEllipses(phantomRow(row, slices), { columns, theta }),
);
const projection = (angle: number): Float32Array => {
  const lines = new Float32Array(slices * columns);
  for (let slice = 0; slice < slices; slice++) {
    lines.set((sinograms[slice] as Float32Array).subarray(angle * columns, (angle + 1) * columns), slice * columns);
  }
  return lines;
};
const atOnce = reconstruct({
  sinogram: Float32Array.from({ length: slices * angles * columns }, (_, i) => {
    const [slice, rest] = [Math.floor(i / (angles * columns)), i % (angles * columns)];
    return (sinograms[slice] as Float32Array)[rest] as number;
  }),
  slices,
  angles,
  columns,
  theta: theta.subarray(0, angles),
  filter: 'shepp',
  mode: 'accurate',
});
const open = () => new StreamingGridrec({ slices, columns, centre: columns / 2, filter: 'shepp', window: angles });

describe('StreamingGridrec', () => {
  it.each(['linear', 'interleaved', 'golden'])('comes to the same as all at once, %s', (order) => {
    const stream = open();
    for (const angle of scanOrder(order, angles)) stream.add(theta[angle] as number, projection(angle));
    expect(stream.count).toBe(angles);
    expect(relativeL2(stream.picture(), atOnce)).toBeLessThan(1e-4);
  });

  it('slides: half a turn more leaves the same picture, and an interleaved one is good early', () => {
    const stream = open();
    expect(stream.picture().every((value) => value === 0)).toBe(true);
    for (let angle = 0; angle < 2 * angles; angle++) stream.add(theta[angle] as number, projection(angle));
    expect(stream.count).toBe(angles);
    // The second half turn sees the same lines from behind.
    expect(relativeL2(stream.picture(), atOnce)).toBeLessThan(5e-3);
    const early = (order: string) => {
      const begun = open();
      for (const angle of scanOrder(order, angles).subarray(0, 15))
        begun.add(theta[angle] as number, projection(angle));
      return relativeL2(begun.picture(), atOnce);
    };
    expect(early('interleaved')).toBeLessThan(0.75 * early('linear'));
  });

  it('refuses what cannot be added', () => {
    const stream = open();
    expect(() => stream.add(Number.NaN, projection(0))).toThrow(/angle is NaN/);
    expect(() => stream.add(0, projection(0).subarray(1))).toThrow(/are expected/);
    expect(() => stream.add(0, projection(0).fill(Number.POSITIVE_INFINITY))).toThrow(/Infinity/);
    expect(stream.count).toBe(0);
    const options = { slices: 1, columns: 64, centre: 32, filter: 'shepp', window: 10 };
    for (const change of [
      { slices: 0 },
      { centre: 65 },
      { window: 0 },
      { filter: 'soft' },
      { columns: 1 },
      { slices: 4_000, columns: 1_024, centre: 512 },
    ]) {
      expect(() => new StreamingGridrec({ ...options, ...change })).toThrow(
        expect.objectContaining({ name: 'InputError' }),
      );
    }
  });
});
