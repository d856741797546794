// What the k-means functions read of their configuration and of a batch; what makes no sense is rejected by name.
import { Reject } from 'pilotfish/sdk';
import { decayOfHalfLife, type KMeansOptions } from '../kernels/index.ts';
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
