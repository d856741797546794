// One model to which many contribute: sums of a batch are made anywhere, on whatever version of the model was seen there, and merged into the
// newest one step by step. Pure. Three rules:
// M1 A part counts once: its id is remembered.
// M2 A late part (made on version v, merged when the model is at u > v) is discounted as if it had come in time: by what the steps since v + 1
//    and this one have discounted. The rule is a weighted mean, so centres and weights are then what they would have been, up to the
//    centres that its points were assigned by.
// M3 A part older than `lateMax` versions, or of another shape or a model to come, is left out and counted.
import { addSums, type BatchSums, type KMeansModel, type KMeansOptions, updateModel } from './streaming-kmeans.ts';

export interface PartialSums extends BatchSums {
  /** The same at every delivery of the batch. */
  readonly id: string;
  /** Of the model that its points were assigned by. */
  readonly version: number;
}

/** From one version to the next. */
export interface MergeStep {
  readonly discount: number;
  readonly parts: readonly { readonly id: string; readonly version: number }[];
}

export interface SharedModel {
  readonly model: KMeansModel;
  /** Steps so far. */
  readonly version: number;
  /** The last ones, the newest first. */
  readonly steps: readonly MergeStep[];
  /** Parts that were merged, and that were left out by M3, since the beginning. */
  readonly merged: number;
  readonly leftOut: number;
}

export interface MergeOptions extends KMeansOptions {
  readonly lateMax: number;
}

/** What became of the parts of one call. */
export interface MergeCounts {
  readonly merged: number;
  /** Of the merged ones. */
  readonly late: number;
  readonly doubled: number;
  readonly leftOut: number;
}

/** Steps that are remembered: what a late part can be discounted by. */
export const stepsMax = 64;
/** Ids that are remembered, of whole steps. */
export const idsMax = 1_024;

export function sharedModel(model: KMeansModel): SharedModel {
  return { model, version: 0, steps: [], merged: 0, leftOut: 0 };
}

/** One step with the parts that count; with none of them the model stays as it is. */
export function mergeParts(
  shared: SharedModel,
  parts: readonly PartialSums[],
  options: MergeOptions,
): { readonly shared: SharedModel; readonly counts: MergeCounts } {
  const known = new Set(shared.steps.flatMap((step) => step.parts.map(({ id }) => id)));
  const fresh = parts.filter(({ id }) => !known.has(id) && known.add(id));
  const good = fresh.filter((part) => fits(shared, part, options.lateMax));
  const counts: MergeCounts = {
    merged: good.length,
    late: good.filter(({ version }) => version < shared.version).length,
    doubled: parts.length - fresh.length,
    leftOut: fresh.length - good.length,
  };
  const leftOut = shared.leftOut + counts.leftOut;
  if (good.length === 0) return { shared: { ...shared, leftOut }, counts };
  const discount = discountOf(good, options);
  const step: MergeStep = { discount, parts: good.map(({ id, version }) => ({ id, version })) };
  const sums = good.map((part) => scaled(part, lateDiscount(shared, part.version, discount)));
  const total = sums.reduce(addSums);
  return {
    shared: {
      model: updateModel(shared.model, total, { decay: discount, unit: 'batches' }),
      version: shared.version + 1,
      steps: remembered([step, ...shared.steps]),
      merged: shared.merged + good.length,
      leftOut,
    },
    counts,
  };
}

/** M3. */
function fits({ model, version, steps }: SharedModel, part: PartialSums, lateMax: number): boolean {
  const late = version - part.version;
  // A part that is `late` needs the discounts of the steps before this one: all but one of them.
  const isKnown = late >= 0 && late <= lateMax && late <= steps.length + 1;
  return isKnown && part.sums.length === model.centres.length && part.counts.length === model.weights.length;
}

/** How much of the old weights this step leaves. */
function discountOf(parts: readonly PartialSums[], { decay, unit }: KMeansOptions): number {
  if (unit === 'batches') return decay;
  return decay ** parts.reduce((sum, { counts }) => sum + counts.reduce((more, count) => more + count, 0), 0);
}

/** M2: steps[0] made the present version, so the steps after the one that was missed are the first `late - 1`. */
function lateDiscount({ version, steps }: SharedModel, made: number, discount: number): number {
  const late = version - made;
  if (late === 0) return 1;
  return steps.slice(0, late - 1).reduce((product, step) => product * step.discount, discount);
}

function scaled(part: BatchSums, factor: number): BatchSums {
  if (factor === 1) return part;
  const times = (values: Float64Array): Float64Array => values.map((value) => value * factor);
  return { sums: times(part.sums), counts: times(part.counts), cost: part.cost };
}

function remembered(steps: readonly MergeStep[]): readonly MergeStep[] {
  let ids = 0;
  const end = steps.findIndex((step, at) => {
    ids += step.parts.length;
    return at > 0 && ids > idsMax;
  });
  return steps.slice(0, Math.min(end < 0 ? stepsMax : end, stepsMax));
}
