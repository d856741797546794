// The shared k-means model: what parts count that come twice, late or too late; and the function that sums and merges.
import { testFunction } from 'pilotfish/testing';
import { describe, expect, it, vi } from 'vitest';
import {
  addSums,
  type BatchSums,
  type MergeOptions,
  mergeParts,
  type PartialSums,
  type SharedModel,
  sharedModel,
  startModel,
  stepsMax,
  sumBatch,
  updateModel,
} from '../../../functions/kernels/index.ts';
import { readModel, writeModel } from '../../../functions/kmeans/stored-model.ts';
import kmeansParts from '../../../functions/kmeans-parts/kmeans-parts.ts';
import { partHeaders, readPart, writeSums } from '../../../functions/kmeans-parts/part-messages.ts';
import { fc } from '../../harness/properties.ts';

// Bundlers compile it; here nobody bundles.
vi.mock('../../../functions/kernels/kmeans/module.js', async () => {
  const { loadKernel } = await import('../../harness/kernels.ts');
  return { default: await loadKernel('kmeans') };
});

const dimensions = 2;
const options: MergeOptions = { decay: 0.9, unit: 'batches', lateMax: 16 };
const start = (): SharedModel =>
  sharedModel({ centres: Float64Array.of(0, 0, 4, 4), weights: Float64Array.of(3, 5), dimensions });

const value = fc.double({ min: -10, max: 10, noNaN: true });
const sumsOf = (values: readonly number[], counts: readonly number[]): BatchSums => ({
  sums: Float64Array.from(values),
  counts: Float64Array.from(counts),
  cost: 1,
});
/** Sums of some points for both centres, so that none dies. */
const anySums = fc
  .tuple(fc.tuple(value, value, value, value), fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })))
  .map(([values, counts]) => sumsOf(values, counts));
const part = (id: string, version: number, sums: Omit<PartialSums, 'id' | 'version'>): PartialSums => ({
  ...sums,
  id,
  version,
});

function expectSame(found: SharedModel, wanted: SharedModel): void {
  for (const name of ['centres', 'weights'] as const) {
    const near = Array.from(wanted.model[name], (each) => expect.closeTo(each, 9));
    expect(Array.from(found.model[name])).toEqual(near);
  }
}

describe('mergeParts()', () => {
  it('makes of parts in time what the rule makes of their batches together', () => {
    fc.assert(
      fc.property(
        fc.array(anySums, { minLength: 1, maxLength: 8 }),
        fc.constantFrom('batches', 'points'),
        (all, unit) => {
          const before = start();
          const parts = all.map((sums, at) => part(`p${at}`, 0, sums));
          const { shared, counts } = mergeParts(before, parts, { ...options, unit });
          expect(counts).toEqual({ merged: all.length, late: 0, doubled: 0, leftOut: 0 });
          const model = updateModel(before.model, all.reduce(addSums), { decay: options.decay, unit });
          expectSame(shared, { ...before, model });
          expect(shared.version).toBe(1);
        },
      ),
    );
  });

  it('gives a late part the weight that it would have had in time (M2)', () => {
    const steps = fc.array(fc.array(anySums, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 9 });
    fc.assert(
      fc.property(steps, fc.nat(7), fc.integer({ min: 1, max: 8 }), anySums, (all, from, late, sums) => {
        const made = from % (all.length - 1);
        const merged = Math.min(made + late, all.length - 1);
        const run = (arrives: number) =>
          all.reduce((shared, step, at) => {
            const parts = step.map((each, index) => part(`p${at}.${index}`, at, each));
            if (at === arrives) parts.push(part('late', made, sums));
            return mergeParts(shared, parts, options).shared;
          }, start());
        expectSame(run(merged), run(made));
      }),
    );
  });

  it('counts a part once, whenever it comes again (M1)', () => {
    const arrivals = fc.array(fc.array(fc.nat(9), { minLength: 1, maxLength: 4 }), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(anySums, { minLength: 10, maxLength: 10 }), arrivals, (sums, all) => {
        const forgetsNothing: MergeOptions = { decay: 1, unit: 'batches', lateMax: stepsMax };
        const seen = new Set<number>();
        let [shared, once] = [start(), start()];
        for (const step of all) {
          const parts = (which: readonly number[]) => which.map((at) => part(`p${at}`, 0, sums[at] as never));
          const fresh = [...new Set(step)].filter((at) => !seen.has(at));
          for (const at of fresh) seen.add(at);
          const next = mergeParts(shared, parts(step), forgetsNothing);
          expect(next.counts).toMatchObject({ merged: fresh.length, doubled: step.length - fresh.length });
          shared = next.shared;
          once = mergeParts(once, parts(fresh), forgetsNothing).shared;
        }
        expectSame(shared, once);
        expect(shared.merged).toBe(seen.size);
      }),
    );
  });

  it('leaves out and counts what is too late, of another shape, or of a model to come (M3)', () => {
    const sums = sumsOf([1, 1, 2, 2], [1, 1]);
    let shared = start();
    for (let at = 0; at < 6; at++) shared = mergeParts(shared, [part(`p${at}`, at, sums)], options).shared;
    const parts = [
      part('late', 2, sums),
      part('too late', 1, sums),
      part('to come', 7, sums),
      part('small', 6, sumsOf([1, 1], [1])),
    ];
    const { shared: next, counts } = mergeParts(shared, parts, { ...options, lateMax: 4 });
    expect(counts).toEqual({ merged: 1, late: 1, doubled: 0, leftOut: 3 });
    expect(next).toMatchObject({ version: 7, merged: 7, leftOut: 3 });
    const { shared: same } = mergeParts(next, [part('too late', 1, sums)], { ...options, lateMax: 4 });
    expect(same).toEqual({ ...next, leftOut: 4 });
  });

  it('remembers a bounded number of steps', () => {
    const sums = sumsOf([1, 1, 2, 2], [1, 1]);
    let shared = start();
    for (let at = 0; at < 100; at++) {
      const parts = Array.from({ length: 50 }, (_, index) => part(`p${at}.${index}`, at, sums));
      shared = mergeParts(shared, parts, options).shared;
      expect(shared.steps.flatMap((step) => step.parts).length).toBeLessThanOrEqual(1_024);
    }
    for (let at = 100; at < 200; at++) shared = mergeParts(shared, [part(`p${at}`, at, sums)], options).shared;
    expect(shared.steps).toHaveLength(stepsMax);
    expect(readModel(writeModel(shared))).toEqual(shared);
  });
});

describe('parts as bytes', () => {
  it('come back as they were, and anything else is refused by name', () => {
    fc.assert(
      fc.property(anySums, fc.string({ minLength: 1 }), fc.nat(), (sums, id, version) => {
        const { data, shape } = writeSums(sums);
        const headers = {
          'Pilotfish-Shape': shape,
          [partHeaders.id]: id,
          [partHeaders.version]: String(version),
          [partHeaders.cost]: '1',
        };
        expect(readPart(new Uint8Array(data.buffer), headers)).toEqual({ ...sums, id, version });
      }),
    );
    const header = fc.oneof(fc.string(), fc.constantFrom('1,2', '2,2', '1', '0', '-1'));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), header, header, (data, shape, version) => {
        try {
          readPart(data, { 'Pilotfish-Shape': shape, [partHeaders.id]: 'x', [partHeaders.version]: version });
        } catch (error) {
          expect(error).toMatchObject({ name: 'PartError' });
        }
      }),
    );
  });
});

describe('the kmeans-parts function', () => {
  const batch = (at: number) => ({
    subject: 'points.one',
    id: `b${at}`,
    headers: { 'Pilotfish-Shape': '4,2', 'Pilotfish-Dtype': 'f64' },
    data: Float64Array.of(at / 100, 0, 0, 0.1, 8, 8, 8.1, 8 + at / 100),
  });
  const config = {
    centres: [
      [0, 0],
      [8, 8],
    ],
    lateMax: 4,
  };
  const tester = (more: object = {}) => testFunction(kmeansParts, { config: { ...config, ...more } });

  async function partOf(one: ReturnType<typeof tester>, at: number, index: number) {
    const outcome = await one.event(batch(at));
    expect(outcome).toMatchObject({ kind: 'done', outputs: [{ subject: 'sums.one' }] });
    if (outcome.kind !== 'done') throw new Error('no sums');
    const { data, headers } = outcome.outputs[0] as (typeof outcome.outputs)[0];
    return { kind: 'event', index, data, headers };
  }

  it('sums on the newest model and merges to what one process comes to', async () => {
    const one = tester();
    let reference = startModel(Float64Array.of(0, 0, 8, 8), 2, 2);
    for (let step = 0; step < 3; step++) {
      const places = [0, 1, 2, 3].map((at) => 4 * step + at);
      const parts = await Promise.all(places.map((at, index) => partOf(one, at, index)));
      expect(parts[0]?.headers[partHeaders.version]).toBe(String(step));
      const outcome = await one.event({ subject: 'one', id: `w${step}`, parts });
      expect(outcome).toMatchObject({
        outputs: [{ subject: 'kmeans.one', headers: { 'Pilotfish-Model-Version': String(step + 1) } }],
      });
      const sums = places.map((at) => sumBatch(reference, batch(at).data)).reduce(addSums);
      reference = updateModel(reference, sums, { decay: 1, unit: 'batches' });
    }
    const shown = (await one.event({ data: 'one' })) as { json(): { centres: number[][]; weights: number[] } };
    expect(shown.json().centres.flat()).toEqual(Array.from(reference.centres, (each) => expect.closeTo(each, 9)));
    expect(shown.json().weights).toEqual([24, 24]);
  });

  it('counts a window, and a batch, that comes twice once', async () => {
    const one = tester();
    const parts = [await partOf(one, 0, 0), await partOf(one, 1, 1)];
    for (const id of ['w1', 'w1', 'w2'])
      expect(await one.event({ subject: 'one', id, parts })).toMatchObject({ kind: 'done' });
    expect((await one.event({ data: 'one' })) as object).toMatchObject({ kind: 'done' });
    const shown = (await one.event({ data: 'one' })) as { json(): object };
    expect(shown.json()).toMatchObject({ version: 1, merged: 2, leftOut: 0, weights: [4, 4] });
  });

  it('leaves out of a window what is no sums, and keeps the rest', async () => {
    const one = tester();
    const good = await partOf(one, 0, 0);
    const parts = [good, { ...good, index: 1, headers: {} }, { ...good, index: 2, data: new Uint8Array(3) }];
    expect(await one.event({ subject: 'one', id: 'w', parts })).toMatchObject({ kind: 'done' });
    expect(((await one.event({ data: 'one' })) as { json(): object }).json()).toMatchObject({ merged: 1 });
  });

  it('rejects settings that cannot be, other dimensions, and models that are not there', async () => {
    const bad = [{ centres: [[1]] }, { centres: 'two' }, { centres: [] }, { centres: undefined, k: 0 }];
    for (const more of bad) expect(await tester(more).event(batch(0))).toMatchObject({ kind: 'reject' });
    const one = tester();
    const parts = [await partOf(one, 0, 0)];
    expect(
      await one.event({ ...batch(1), headers: { 'Pilotfish-Shape': '8,1', 'Pilotfish-Dtype': 'f64' } }),
    ).toMatchObject({
      kind: 'reject',
    });
    expect(await one.event({ data: 'other' })).toMatchObject({ kind: 'reject' });
    expect(await one.event({ subject: 'other', id: 'w', parts })).toMatchObject({ kind: 'reject' });
    for (const more of [{ lateMax: -1 }, { lateMax: 65 }, { decay: 2 }]) {
      const other = tester(more);
      const sums = [await partOf(other, 0, 0)];
      expect(await other.event({ subject: 'one', id: 'w', parts: sums })).toMatchObject({ kind: 'reject' });
    }
  });
});
