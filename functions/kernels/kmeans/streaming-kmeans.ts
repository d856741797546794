// Streaming k-means by Spark MLlib's rule (StreamingKMeansModel.update), pure. A batch's points go to their nearest centres; old weights are
// discounted, then each centre moves to the weighted mean of where it was and the points it was given. A centre that has died out is put
// beside the largest one.

export interface KMeansModel {
  /** k x dimensions. */
  readonly centres: Float64Array;
  /** k: points behind a centre, discounted. */
  readonly weights: Float64Array;
  readonly dimensions: number;
}

export interface KMeansOptions {
  /** How much of a weight is left after one unit of time: 1 forgets nothing, 0 all. */
  readonly decay: number;
  /** What a unit of time is: a batch, or a point. */
  readonly unit: 'batches' | 'points';
}

/** What a batch says of the centres; sums of several batches add up, so that parts can be made anywhere and merged once. */
export interface BatchSums {
  /** k x dimensions: sum of the points that were given to a centre. */
  readonly sums: Float64Array;
  /** k: their number. */
  readonly counts: Float64Array;
  /** Sum of squared distances to the nearest centre: the model's cost on the batch. */
  readonly cost: number;
}

/** A decay that leaves half of a weight after `halfLife` units. */
export function decayOfHalfLife(halfLife: number): number {
  return Math.exp(Math.log(0.5) / halfLife);
}

/** Smaller than this part of the largest weight: dead (MLlib's value). */
const deadPart = 1e-8;
/** How far the two halves of a split centre are moved apart, relative to their coordinates (MLlib's value). */
const splitPart = 1e-14;

/** Assigns points (n x dimensions) to their nearest centres; of equally near ones the first. The second opinion on sums.as.ts. */
export function sumBatchPlain({ centres, dimensions }: KMeansModel, points: Float32Array | Float64Array): BatchSums {
  const k = centres.length / dimensions;
  const sums = new Float64Array(centres.length);
  const counts = new Float64Array(k);
  let cost = 0;
  for (let at = 0; at + dimensions <= points.length; at += dimensions) {
    let nearest = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let centre = 0; centre < k; centre++) {
      const from = centre * dimensions;
      let distance = 0;
      for (let axis = 0; axis < dimensions && distance < least; axis++) {
        const difference = (points[at + axis] as number) - (centres[from + axis] as number);
        distance += difference * difference;
      }
      if (distance < least) {
        least = distance;
        nearest = centre;
      }
    }
    cost += least;
    counts[nearest] = (counts[nearest] as number) + 1;
    for (let axis = 0; axis < dimensions; axis++) {
      const place = nearest * dimensions + axis;
      sums[place] = (sums[place] as number) + (points[at + axis] as number);
    }
  }
  return { sums, counts, cost };
}

/** The model after a batch; the one given is not changed. */
export function updateModel(model: KMeansModel, { sums, counts }: BatchSums, options: KMeansOptions): KMeansModel {
  const { dimensions } = model;
  const centres = Float64Array.from(model.centres);
  const weights = Float64Array.from(model.weights);
  const points = counts.reduce((sum, count) => sum + count, 0);
  const discount = options.unit === 'batches' ? options.decay : options.decay ** points;
  for (let i = 0; i < weights.length; i++) weights[i] = (weights[i] as number) * discount;
  for (let i = 0; i < weights.length; i++) {
    const count = counts[i] as number;
    if (count === 0) continue;
    const weight = (weights[i] as number) + count;
    weights[i] = weight;
    const part = count / Math.max(weight, 1e-16);
    for (let at = i * dimensions; at < (i + 1) * dimensions; at++) {
      centres[at] = (1 - part) * (centres[at] as number) + (part / count) * (sums[at] as number);
    }
  }
  reviveDead(centres, weights, dimensions);
  return { centres, weights, dimensions };
}

/** The smallest, where it is next to nothing, takes half of the largest. */
function reviveDead(centres: Float64Array, weights: Float64Array, dimensions: number): void {
  let [largest, smallest] = [0, 0];
  for (let i = 1; i < weights.length; i++) {
    if ((weights[i] as number) > (weights[largest] as number)) largest = i;
    if ((weights[i] as number) < (weights[smallest] as number)) smallest = i;
  }
  const most = weights[largest] as number;
  const least = weights[smallest] as number;
  if (!(least < deadPart * most)) return;
  weights[largest] = (most + least) / 2;
  weights[smallest] = (most + least) / 2;
  for (let axis = 0; axis < dimensions; axis++) {
    const x = centres[largest * dimensions + axis] as number;
    const apart = splitPart * Math.max(Math.abs(x), 1);
    centres[largest * dimensions + axis] = x + apart;
    centres[smallest * dimensions + axis] = x - apart;
  }
}

/** k centres among the first points of a batch, the same for the same seed: Spark starts from random ones, far from any data. */
export function startModel(points: Float32Array | Float64Array, k: number, dimensions: number): KMeansModel {
  const count = Math.floor(points.length / dimensions);
  const centres = new Float64Array(k * dimensions);
  for (let centre = 0; centre < k; centre++) {
    // Spread over the batch; a batch of fewer points than centres repeats them, and dead ones are revived later.
    const from = Math.floor((centre * count) / k) * dimensions;
    centres.set(points.subarray(from, from + dimensions), centre * dimensions);
  }
  return { centres, weights: new Float64Array(k), dimensions };
}

/** Adds the second to the first. */
export function addSums(total: BatchSums, part: BatchSums): BatchSums {
  const sums = Float64Array.from(total.sums, (value, at) => value + (part.sums[at] as number));
  const counts = Float64Array.from(total.counts, (value, at) => value + (part.counts[at] as number));
  return { sums, counts, cost: total.cost + part.cost };
}
