// Streaming k-means against Spark MLlib's rule, and the function against redelivery and bad input.

import { testFunction } from 'pilotfish/testing';
import { describe, expect, it, vi } from 'vitest';
import { addSums, decayOfHalfLife, type KMeansModel, sumBatch, updateModel } from '../../../functions/kernels/index.ts';
import kmeans from '../../../functions/kmeans/kmeans.ts';
import { parsePoints } from '../../../functions/kmeans/points.ts';
import { readModel, writeModel } from '../../../functions/kmeans/stored-model.ts';
import { builtInSources, resolveSettings } from '../../../functions/sources/index.ts';
import { fc } from '../../harness/properties.ts';

// Bundlers compile it; here nobody bundles.
vi.mock('../../../functions/kernels/kmeans/module.js', async () => {
  const { loadKernel } = await import('../../harness/kernels.ts');
  return { default: await loadKernel('kmeans') };
});

const model = (centres: number[], weights: number[]): KMeansModel => ({
  centres: Float64Array.from(centres),
  weights: Float64Array.from(weights),
  dimensions: 2,
});
const step = (before: KMeansModel, points: number[], decay: number, unit: 'batches' | 'points' = 'batches') =>
  updateModel(before, sumBatch(before, Float64Array.from(points)), { decay, unit });

describe('updateModel()', () => {
  it('gives the figures of the rule', () => {
    const first = step(model([0, 0, 1, 1], [1, 1]), [-0.1, -0.1, 0.1, 0.1, 0.9, 0.9, 1.1, 1.1], 1);
    expect(Array.from(first.centres)).toEqual([0, 0, 1, 1].map((value) => expect.closeTo(value, 12)));
    expect(Array.from(first.weights)).toEqual([3, 3]);
    const second = step(first, [1.5, 1.5, 0.2, 0.2], 0);
    expect(Array.from(second.centres)).toEqual([0.2, 0.2, 1.5, 1.5].map((value) => expect.closeTo(value, 12)));
    expect(Array.from(second.weights)).toEqual([1, 1]);
  });

  it('forgets half of what it knew in a half-life, of batches or of points', () => {
    const decay = decayOfHalfLife(2);
    const far = [1, 1, 1, 1];
    const batches = step(step(model([0, 0, 9, 9], [8, 1e6]), far, decay), far, decay);
    expect(batches.weights[1]).toBeCloseTo(5e5, 3);
    expect(step(model([0, 0, 9, 9], [8, 1e6]), far, decay, 'points').weights[1]).toBeCloseTo(5e5, 3);
  });

  it('puts a dead centre beside the largest', () => {
    const next = step(model([0, 0, 50, 50], [10, 1e-9]), [0, 0], 1);
    expect(next.weights[0]).toBe(next.weights[1]);
    expect(next.centres[0]).not.toBe(next.centres[2]);
    expect(Math.abs((next.centres[0] ?? 9) - (next.centres[2] ?? 0))).toBeLessThan(1e-12);
  });

  it('comes to the same from parts of a batch that are added up', () => {
    const coordinate = fc.double({ min: -10, max: 10, noNaN: true });
    fc.assert(
      fc.property(fc.array(coordinate, { minLength: 4, maxLength: 60 }), fc.nat(28), (values, cut) => {
        const points = Float64Array.from(values.slice(0, values.length & ~1));
        const before = model([0, 0, 1, 1], [1, 1]);
        const at = Math.min(points.length, 2 * cut);
        const parts = addSums(sumBatch(before, points.subarray(0, at)), sumBatch(before, points.subarray(at)));
        const whole = sumBatch(before, points);
        expect(Array.from(parts.counts)).toEqual(Array.from(whole.counts));
        const options = { decay: 0.9, unit: 'batches' } as const;
        const expected = Array.from(updateModel(before, whole, options).centres, (value) => expect.closeTo(value, 9));
        expect(Array.from(updateModel(before, parts, options).centres)).toEqual(expected);
      }),
    );
  });
});

describe('the kmeans function', () => {
  const event = (place: number, ...given: string[]) => {
    const source = builtInSources['kmeans'] as NonNullable<(typeof builtInSources)[string]>;
    const opened = source.open(resolveSettings(source, ['points=400', 'centres=3', 'spread=0.01', ...given]), {
      run: 'r',
    });
    const {
      subject,
      data,
      headers = {},
    } = (opened as Awaited<typeof opened>).message(place) as never as {
      subject: string;
      data: Uint8Array;
      headers: Record<string, string>;
    };
    return { subject, data, headers, id: `r.${place}` };
  };

  it.each(['f32', 'f64', 'text'])('finds hidden centres in batches of %s', async (encoding) => {
    const tester = testFunction(kmeans, { config: { k: 3, decay: 1 } });
    const costs: number[] = [];
    for (let place = 0; place < 12; place++) {
      const outcome = await tester.event(event(place, `encoding=${encoding}`));
      expect(outcome.kind).toBe('done');
      if (outcome.kind === 'done') costs.push(Number(outcome.outputs[0]?.headers['Pilotfish-Cost']));
    }
    expect(costs.at(-1)).toBeLessThan(costs[0] ?? 0);
  });

  it('counts a redelivered batch once', async () => {
    const tester = testFunction(kmeans, { config: { k: 3 } });
    await tester.event(event(0));
    const [once, again] = [await tester.event(event(1)), await tester.event(event(1))];
    expect(once).toMatchObject({ outputs: [{ headers: { 'Pilotfish-Batches': '2' } }] });
    expect(again).toMatchObject({ outputs: [{ headers: { 'Pilotfish-Batches': '2' } }] });
  });

  it('rejects what is no batch, and settings that cannot be', async () => {
    const good = event(0);
    const bad = [
      { ...good, headers: {} },
      { ...good, headers: { ...good.headers, 'Pilotfish-Shape': '9,9' } },
      { ...good, headers: { ...good.headers, 'Pilotfish-Dtype': 'f16' } },
      {
        ...good,
        data: Float32Array.of(1, 2, Number.NaN),
        headers: { 'Pilotfish-Shape': '1,3', 'Pilotfish-Dtype': 'f32' },
      },
    ];
    for (const one of bad) expect(await testFunction(kmeans).event(one)).toMatchObject({ kind: 'reject' });
    for (const config of [{ k: 0 }, { decay: 2 }, { halfLife: -1 }, { unit: 'weeks' }, { k: 1e6 }]) {
      expect(await testFunction(kmeans, { config }).event(good)).toMatchObject({ kind: 'reject' });
    }
  });
});

describe('points and models as bytes', () => {
  it('are read, or refused by name, whatever comes', () => {
    const header = fc.oneof(fc.string(), fc.constantFrom('2,2', '1,1', 'f32', 'f64', 'text', undefined));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), header, header, (data, shape, dtype) => {
        const headers = new Map([
          ['Pilotfish-Shape', shape],
          ['Pilotfish-Dtype', dtype],
        ]);
        try {
          const { points, count, dimensions } = parsePoints(data, (name) => headers.get(name));
          expect(points.length).toBe(count * dimensions);
        } catch (error) {
          expect(error).toMatchObject({ name: 'PointsError' });
        }
      }),
    );
    const stored = { model: model([1, 2, 3, 4], [5, 6]), batches: 7, recent: ['a', 'b'] };
    expect(readModel(writeModel(stored))).toEqual(stored);
  });
});
