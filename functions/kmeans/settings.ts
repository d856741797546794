// What the k-means functions read of their configuration and of a batch; what makes no sense is rejected by name.
import { type FunctionEvent, Reject } from 'pilotfish/sdk';
import { isNpy } from '../formats/npy.ts';
import { decayOfHalfLife, type KMeansModel, type KMeansOptions } from '../kernels/index.ts';
import { type PointBatch, PointsError, parsePoints } from './points.ts';

type Config = Readonly<Record<string, unknown>>;

export function readBatch(data: Uint8Array, headers: Readonly<Record<string, string>>): PointBatch {
  try {
    return parsePoints(data, (name) => headers[name]);
  } catch (error) {
    if (error instanceof PointsError) throw new Reject(error.message, { cause: error });
    throw error;
  }
}

/** points.<key>; a call may name it in the header `key`. */
export function keyOf({ subject, headers }: FunctionEvent): string {
  return subject.split('.')[1] ?? headers['key'] ?? 'model';
}

/** A call without points asks for the model of the key that it names. */
export function isQuestion({ subject, headers, data }: FunctionEvent): boolean {
  return subject === '' && headers['Pilotfish-Shape'] === undefined && !isNpy(data);
}

export function optionsOf(config: Config): KMeansOptions {
  const unit = config['unit'] ?? 'batches';
  if (unit !== 'batches' && unit !== 'points') throw new Reject(`unit is "${String(unit)}"; give batches or points`);
  const halfLife = config['halfLife'];
  const decay = halfLife === undefined ? Number(config['decay'] ?? 1) : decayOfHalfLife(Number(halfLife));
  if (!(decay >= 0 && decay <= 1))
    throw new Reject(`decay is ${decay}; give a number from 0 to 1, or a halfLife above 0`);
  return { decay, unit };
}

/** `k`, where a model of so many centres has at most `valuesMax` numbers. */
export function centresOf(config: Config, dimensions: number, valuesMax: number): number {
  const k = config['k'] ?? 10;
  if (typeof k !== 'number' || !Number.isInteger(k) || k < 1)
    throw new Reject(`k is ${String(k)}; give a whole number of centres`);
  if (k * (dimensions + 1) > valuesMax) throw new Reject(`${k} centres of ${dimensions} numbers are too many`);
  return k;
}

/** The model that `centres` (and `weights`, 0 where left out) say a stream begins with; undefined where they are left out. */
export function givenCentres(config: Config, dimensions: number, valuesMax: number): KMeansModel | undefined {
  const given = config['centres'];
  if (given === undefined) return undefined;
  const rows = Array.isArray(given) ? (given as readonly unknown[]) : [];
  const isRow = (row: unknown) => Array.isArray(row) && row.length === dimensions && row.every(Number.isFinite);
  if (rows.length === 0 || rows.length * (dimensions + 1) > valuesMax || !rows.every(isRow))
    throw new Reject(`centres must be a list of lists of ${dimensions} numbers each`);
  const weights = config['weights'] ?? rows.map(() => 0);
  const isWeight = (weight: unknown) => typeof weight === 'number' && Number.isFinite(weight) && weight >= 0;
  if (!Array.isArray(weights) || weights.length !== rows.length || !weights.every(isWeight))
    throw new Reject(`weights must be a list of ${rows.length} numbers from 0 on, one a centre`);
  return { centres: Float64Array.from(rows.flat() as number[]), weights: Float64Array.from(weights), dimensions };
}
