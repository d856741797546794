// One k-means model for a stream: each batch of points (points.<key>) moves it, and is answered with the model's cost on it. The model of a key
// lies in the function's state, so that any instance may take the next batch and a lost one loses nothing. Each batch counts once: a redelivered
// one finds its id in the model. Instances on one key contend for it (`update` tries again); keys are independent models.
import { defineFunction, Output, Reject } from 'pilotfish/sdk';
import { decayOfHalfLife, type KMeansOptions, startModel, sumBatch, updateModel } from '../kernels/index.ts';
import kernel from '../kernels/kmeans/module.js';
import { type PointBatch, PointsError, parsePoints } from './points.ts';
import { readModel, type StoredModel, writeModel } from './stored-model.ts';

/** A model with its weights must fit a value of the state (1 MiB). */
const valuesMax = 120_000;
/** Ids of batches that a model remembers, against redeliveries. */
const rememberedMax = 64;

export default defineFunction({
  async handle(event, ctx) {
    const started = performance.now();
    const batch = readBatch(event.data, event.headers);
    const k = wholeOf(ctx.config['k'] ?? 10);
    if (k * (batch.dimensions + 1) > valuesMax)
      throw new Reject(`${k} centres of ${batch.dimensions} numbers are too many`);
    const options = optionsOf(ctx.config);
    const key = event.subject.split('.')[1] ?? 'model';
    let result = { cost: 0, batches: 0, centres: new Float64Array(0) as Float64Array };
    await ctx.state.update(key, (current) => {
      const stored: StoredModel = current
        ? readModel(current.value)
        : { model: startModel(batch.points, k, batch.dimensions), batches: 0, recent: [] };
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
    return new Output(result.centres, {
      headers: {
        'Pilotfish-Shape': `${result.centres.length / batch.dimensions},${batch.dimensions}`,
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

function readBatch(data: Uint8Array, headers: Readonly<Record<string, string>>): PointBatch {
  try {
    return parsePoints(data, (name) => headers[name]);
  } catch (error) {
    if (error instanceof PointsError) throw new Reject(error.message, { cause: error });
    throw error;
  }
}

function optionsOf(config: Readonly<Record<string, unknown>>): KMeansOptions {
  const unit = config['unit'] ?? 'batches';
  if (unit !== 'batches' && unit !== 'points') throw new Reject(`unit is "${String(unit)}"; give batches or points`);
  const halfLife = config['halfLife'];
  const decay = halfLife === undefined ? Number(config['decay'] ?? 1) : decayOfHalfLife(Number(halfLife));
  if (!(decay >= 0 && decay <= 1))
    throw new Reject(`decay is ${decay}; give a number from 0 to 1, or a halfLife above 0`);
  return { decay, unit };
}

function wholeOf(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1) return value;
  throw new Reject(`k is ${String(value)}; give a whole number of centres`);
}
