// One k-means model for all instances, by partial sums and a reducer. Both are this function, because they share its state:
//   points.<key>  each batch is summed on the newest model, anywhere and at once; the sums go to sums.<key> with the model's version
//   sums.<key>    a window of sums is merged into the model in one step, which goes to kmeans.<key>
// What a part counts that comes twice, late or too late: the rules M1 to M3 of kernels/kmeans/shared-model.ts. A call without points shows the
// models of the keys it names.
import {
  defineFunction,
  type FunctionContext,
  type FunctionEvent,
  Output,
  outputs,
  type Parts,
  Reject,
} from 'pilotfish/sdk';
import {
  type MergeCounts,
  type MergeOptions,
  mergeParts,
  type PartialSums,
  type SharedModel,
  sharedModel,
  startModel,
  stepsMax,
  sumBatch,
} from '../kernels/index.ts';
import kernel from '../kernels/kmeans/module.js';
import type { PointBatch } from '../kmeans/points.ts';
import { centresOf, givenCentres, isQuestion, keyOf, optionsOf, readBatch } from '../kmeans/settings.ts';
import { readModel, writeModel } from '../kmeans/stored-model.ts';
import { PartError, partHeaders, readPart, writeSums } from './part-messages.ts';

/** A model, its weights and what it was made of must fit a value of the state (1 MiB). */
const valuesMax = 90_000;
const lateDefault = 16;

export default defineFunction({
  handle(event, ctx) {
    if (event.parts) return mergeWindow(event.parts, ctx);
    return isQuestion(event) ? showModel(event.text() || 'model', ctx) : sumPoints(event, ctx);
  },
});

async function sumPoints(event: FunctionEvent, ctx: FunctionContext) {
  const started = performance.now();
  const batch = readBatch(event.data, event.headers);
  const key = keyOf(event);
  const { model, version } = (await sharedOf(key, ctx)) ?? (await startShared(key, batch, ctx));
  if (model.dimensions !== batch.dimensions) {
    throw new Reject(`the model of "${key}" has ${model.dimensions} dimensions, this batch ${batch.dimensions}`);
  }
  const sums = sumBatch(model, batch.points, kernel);
  const { data, shape } = writeSums(sums);
  return outputs([
    new Output(data, {
      subject: `sums.${key}`,
      headers: {
        'Pilotfish-Shape': shape,
        'Pilotfish-Dtype': 'f64',
        [partHeaders.id]: event.id,
        [partHeaders.version]: String(version),
        [partHeaders.cost]: String(sums.cost),
        'Pilotfish-Points': String(batch.count),
        ...whereOf(ctx, started),
      },
    }),
  ]);
}

async function mergeWindow(parts: Parts, ctx: FunctionContext) {
  const started = performance.now();
  const key = parts.key;
  const found: PartialSums[] = [];
  for await (const { data, headers } of parts) {
    try {
      found.push(readPart(data, headers));
    } catch (error) {
      if (!(error instanceof PartError)) throw error;
      // The others of the window must not be lost with it.
      ctx.log.warn('left out of the model', { key, problem: error.message });
    }
  }
  const options = mergeOptionsOf(ctx);
  let counts: MergeCounts | undefined;
  // A window that is delivered again changes nothing: `update` knows its event.
  await ctx.state.update(key, (current) => {
    if (!current) throw new Reject(`there are sums of "${key}", but no model`);
    const merged = mergeParts(readModel<SharedModel>(current.value), found, options);
    counts = merged.counts;
    return writeModel(merged.shared);
  });
  if (counts && counts.leftOut > 0) ctx.log.warn('sums came too late for the model', { key, ...counts });
  const shared = await sharedOf(key, ctx);
  if (!shared) return undefined;
  return outputs([
    new Output(shared.model.centres, {
      subject: `kmeans.${key}`,
      headers: { ...headersOf(shared, found, counts), ...whereOf(ctx, started) },
    }),
  ]);
}

function headersOf(
  { model, version, merged, leftOut }: SharedModel,
  parts: readonly PartialSums[],
  counts: MergeCounts | undefined,
) {
  const points = parts.reduce((sum, part) => sum + part.counts.reduce((more, count) => more + count, 0), 0);
  const cost = parts.reduce((sum, part) => sum + part.cost, 0);
  return {
    'Pilotfish-Shape': `${model.weights.length},${model.dimensions}`,
    'Pilotfish-Dtype': 'f64',
    [partHeaders.version]: String(version),
    'Pilotfish-Batches': String(merged),
    'Pilotfish-Left-Out': String(leftOut),
    'Pilotfish-Late': String(counts?.late ?? 0),
    [partHeaders.cost]: String(points === 0 ? 0 : cost / points),
  };
}

function whereOf(ctx: FunctionContext, started: number) {
  return {
    'Pilotfish-Took': (performance.now() - started).toFixed(3),
    'Pilotfish-Node': ctx.function.node,
    'Pilotfish-Instance': ctx.function.instance,
  };
}

/** For `pilotfish invoke`: the centres, and of which batches they are made, step by step. */
async function showModel(key: string, ctx: FunctionContext) {
  const shared = await sharedOf(key, ctx);
  if (!shared) throw new Reject(`there is no model of "${key}"`);
  const { model, ...rest } = shared;
  const { dimensions } = model;
  const centres = Array.from(model.weights, (_, i) =>
    Array.from(model.centres.subarray(i * dimensions, (i + 1) * dimensions)),
  );
  return { ...rest, centres, weights: Array.from(model.weights) };
}

async function sharedOf(key: string, ctx: FunctionContext): Promise<SharedModel | undefined> {
  const entry = await ctx.state.get(key);
  return entry && readModel<SharedModel>(entry.value);
}

/** The first batch to come makes the first model, unless `centres` gives it; whoever comes second takes that one. */
async function startShared(key: string, batch: PointBatch, ctx: FunctionContext): Promise<SharedModel> {
  const { dimensions, points } = batch;
  const given = givenCentres(ctx.config, dimensions, valuesMax);
  const first = sharedModel(given ?? startModel(points, centresOf(ctx.config, dimensions, valuesMax), dimensions));
  await ctx.state.update(key, (current) => (current ? undefined : writeModel(first)));
  return (await sharedOf(key, ctx)) ?? first;
}

function mergeOptionsOf(ctx: FunctionContext): MergeOptions {
  const lateMax = ctx.config['lateMax'] ?? lateDefault;
  if (typeof lateMax !== 'number' || !Number.isInteger(lateMax) || lateMax < 0 || lateMax > stepsMax) {
    throw new Reject(`lateMax is ${String(lateMax)}; give a whole number of versions from 0 to ${stepsMax}`);
  }
  return { ...optionsOf(ctx.config), lateMax };
}
