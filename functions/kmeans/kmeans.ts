// One k-means model for a stream: each batch of points (points.<key>) moves it, and is answered with the model's cost on it. The model of a key
// lies in the function's state, so that any instance may take the next batch and a lost one loses nothing. Each batch counts once: a redelivered
// one finds its id in the model. Instances on one key contend for it (`update` tries again); keys are independent models.
import { defineFunction, type FunctionContext, Output, Reject } from 'pilotfish/sdk';
import { encodeNpy, isNpy } from '../formats/npy.ts';
import { type KMeansModel, startModel, sumBatch, updateModel } from '../kernels/index.ts';
import kernel from '../kernels/kmeans/module.js';
import type { PointBatch } from './points.ts';
import { centresOf, givenCentres, isQuestion, keyOf, optionsOf, readBatch } from './settings.ts';
import { readModel, type StoredModel, writeModel } from './stored-model.ts';

/** A model with its weights must fit a value of the state (1 MiB). */
const valuesMax = 120_000;
/** Ids of batches that a model remembers, against redeliveries. */
const rememberedMax = 64;

export default defineFunction({
  async handle(event, ctx) {
    if (isQuestion(event)) return showModel(event.text() || 'model', ctx);
    const started = performance.now();
    const batch = readBatch(event.data, event.headers);
    const options = optionsOf(ctx.config);
    const key = keyOf(event);
    let result = { cost: 0, batches: 0, centres: new Float64Array(0) as Float64Array };
    await ctx.state.update(key, (current) => {
      const stored: StoredModel = current
        ? readModel<StoredModel>(current.value)
        : { model: firstModel(batch, ctx), batches: 0, recent: [] };
      const { model, batches, recent } = stored;
      if (model.dimensions !== batch.dimensions) {
        throw new Reject(`the model of "${key}" has ${model.dimensions} dimensions, this batch ${batch.dimensions}`);
      }
      const sums = sumBatch(model, batch.points, kernel);
      const doubled = recent.includes(event.id);
      result = { cost: sums.cost, batches, centres: model.centres };
      if (doubled) return undefined;
      const next = updateModel(model, sums, options);
      result = { cost: sums.cost, batches: batches + 1, centres: next.centres };
      return writeModel({ model: next, batches: batches + 1, recent: [event.id, ...recent].slice(0, rememberedMax) });
    });
    const shape = [result.centres.length / batch.dimensions, batch.dimensions];
    // An array for an array.
    const centres = isNpy(event.data)
      ? encodeNpy({ shape, values: Float64Array.from(result.centres) })
      : result.centres;
    return new Output(centres, {
      headers: {
        'Pilotfish-Shape': shape.join(','),
        'Pilotfish-Dtype': 'f64',
        'Pilotfish-Batches': String(result.batches),
        'Pilotfish-Points': String(batch.count),
        'Pilotfish-Cost': String(result.cost / batch.count),
        'Pilotfish-Took': (performance.now() - started).toFixed(3),
        'Pilotfish-Node': ctx.function.node,
        'Pilotfish-Instance': ctx.function.instance,
      },
    });
  },
});

/** As `config` says it, or points of the first batch. */
function firstModel({ points, dimensions }: PointBatch, { config }: FunctionContext): KMeansModel {
  const given = givenCentres(config, dimensions, valuesMax);
  return given ?? startModel(points, centresOf(config, dimensions, valuesMax), dimensions);
}

/** For `pilotfish invoke kmeans -d KEY`. */
async function showModel(key: string, ctx: FunctionContext) {
  const entry = await ctx.state.get(key);
  if (!entry)
    throw new Reject(
      `there is no model of "${key.slice(0, 100)}"; to begin one, send points as an npy of (points, dimensions)`,
    );
  const { model, batches } = readModel<StoredModel>(entry.value);
  const rows = Array.from(model.weights, (_, at) => at * model.dimensions);
  const centres = rows.map((from) => Array.from(model.centres.subarray(from, from + model.dimensions)));
  return { key, batches, centres, weights: Array.from(model.weights) };
}
