// The mean projection of a scan, in whatever order its frames come.
import { testFunction } from 'pilotfish/testing';
import { describe, expect, it } from 'vitest';
import { normalise } from '../../../functions/kernels/index.ts';
import { RunningAverage } from '../../../functions/scan-average/running-average.ts';
import scanAverage from '../../../functions/scan-average/scan-average.ts';
import { type Frame, frameHeaders, frameValues, phantomScan } from '../../../functions/sources/index.ts';
import { fc } from '../../harness/properties.ts';

const [rows, columns, angles] = [3, 32, 12];
const frames = [...phantomScan({ scan: 's', rows, columns, angles, seed: 1, darks: 2, flats: 2 }).frames()];
const images = frames.filter((frame): frame is Exclude<Frame, { kind: 'end' }> => frame.kind !== 'end');
const partsOf = (of: typeof images) =>
  of.map((frame) => ({
    kind: frame.kind as string,
    index: frame.index,
    data: frame.data,
    headers: frameHeaders(frame),
  }));

/** The other way round: each projection is normalised, then the mean is taken. */
function meanTransmission(): number[] {
  const meanOf = (kind: string) => {
    const some = images.filter((frame) => frame.kind === kind).map((frame) => frameValues(frame));
    return Float32Array.from(
      { length: rows * columns },
      (_, at) => some.reduce((sum, one) => sum + (one[at] ?? 0), 0) / some.length,
    );
  };
  const field = { dark: meanOf('dark'), flat: meanOf('flat') };
  const sums = new Float64Array(rows * columns);
  for (const frame of images.filter(({ kind }) => kind === 'projection')) {
    const out = new Float32Array(rows * columns);
    normalise(frameValues(frame), field, out);
    for (const [at, value] of out.entries()) sums[at] = (sums[at] as number) + value / angles;
  }
  return [...sums];
}

describe('RunningAverage', () => {
  it('is the mean transmission, whichever frames come first', () => {
    const expected = meanTransmission();
    fc.assert(
      fc.property(fc.shuffledSubarray(images, { minLength: images.length }), (shuffled) => {
        const average = new RunningAverage({ rows, columns });
        for (const frame of shuffled) average.add(frame, frameValues(frame));
        const picture = average.picture();
        expect(picture).toMatchObject({ unit: 'transmission', frames: angles });
        for (const [at, value] of expected.entries()) expect(picture?.values[at]).toBeCloseTo(value, 4);
      }),
      { numRuns: 20 },
    );
  });
});

describe('scan-average', () => {
  it('publishes a picture each `every` projections, and the whole at the end', async () => {
    const tester = testFunction(scanAverage, { config: { every: 5 } });
    const outcome = await tester.event({ subject: 's', parts: partsOf(images), missing: { projection: [12] } });
    expect(tester.published.map(({ subject, headers }) => [subject, headers['Pilotfish-Frames']])).toEqual([
      ['average.s', '5'],
      ['average.s', '10'],
    ]);
    if (outcome.kind !== 'done') throw new Error(outcome.kind);
    expect(outcome.outputs[0]?.headers).toMatchObject({
      'Pilotfish-Shape': '3,32',
      'Pilotfish-Unit': 'transmission',
      'Pilotfish-Frames': '12',
      'Pilotfish-Missing': '1',
      'Pilotfish-Closed': 'complete',
    });
    const values = new Float32Array(Uint8Array.from(outcome.outputs[0]?.data ?? []).buffer);
    for (const [at, value] of meanTransmission().entries()) expect(values[at]).toBeCloseTo(value, 4);
  });

  it('gives counts where a scan has no darks or no flats', async () => {
    const parts = partsOf(images.filter(({ kind }) => kind === 'projection'));
    const outcome = await testFunction(scanAverage).event({ subject: 's', parts });
    expect(outcome.kind === 'done' && outcome.outputs[0]?.headers['Pilotfish-Unit']).toBe('counts');
  });

  it('refuses for good what no later attempt would find better', async () => {
    const [first, ...others] = partsOf(images);
    const smaller = { ...first, headers: { ...first?.headers, 'Pilotfish-Shape': '1,32' }, data: new Uint8Array(64) };
    for (const [parts, reason] of [
      [[...others, smaller], /dark 1 is 3 x 32, the frames before it 1 x 32/],
      [[{ ...first, headers: {} }], /Pilotfish-Shape is missing/],
      [[{ ...first, data: new Uint8Array(2) }], /has 192 bytes, this one has 2/],
      [partsOf(images.slice(0, 4)), /no projections/],
    ] as const) {
      const outcome = await testFunction(scanAverage).event({
        subject: 's',
        parts: parts as ReturnType<typeof partsOf>,
      });
      expect(outcome.kind).toBe('reject');
      expect(String((outcome as { error: unknown }).error)).toMatch(reason);
    }
    expect((await testFunction(scanAverage, { config: { every: 0 } }).event({ subject: 's', parts: [] })).kind).toBe(
      'reject',
    );
    expect((await testFunction(scanAverage).event({ data: 'x' })).kind).toBe('reject');
  });
});
