// From detector counts to line integrals: normalised = (projection - mean dark) / max(mean flat - mean dark, 1e-6), then minus the
// logarithm. Frames are rows x columns of u16 or f32 counts; a sinogram is slices x angles x columns.
import { InputError } from './errors.ts';

/** One frame, or some rows of it, as the detector gave it. */
export type Counts = Uint16Array | Float32Array;

/** A beam of less than this is no beam: keeps dead pixels from dividing by zero (TomoPy's value). */
const beamMin = 1e-6;
/** Transmissions are clamped here before the logarithm: a pixel that saw nothing says "very dense", not infinity. */
const transmissionMin = 1e-6;
/** The line integral of such a pixel. */
export const lineMax = -Math.log(transmissionMin);

/** Mean of frames that come one at a time: darks and flats need not be held. */
export class FrameMean {
  readonly #sums: Float64Array;
  #count = 0;

  constructor(values: number) {
    this.#sums = new Float64Array(values);
  }

  get count(): number {
    return this.#count;
  }

  add(frame: Counts): void {
    const sums = this.#sums;
    assertLength('frame', frame.length, sums.length);
    for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (frame[i] as number);
    this.#count++;
  }

  /** The mean; throws `InputError` when no frame was added, because a field of zeros would look like data, and where a value is not finite. */
  mean(): Float32Array<ArrayBuffer> {
    if (this.#count === 0) {
      throw new InputError(
        'length',
        'There are no frames to average; a scan needs at least one dark and one flat frame.',
      );
    }
    const mean = Float32Array.from(this.#sums, (sum) => sum / this.#count);
    assertFiniteCounts(mean, 'The mean of the dark or flat frames');
    return mean;
  }
}

/** An infinite beam, or an infinitely dark one, would look like a dense object. Throws `InputError`. */
export function assertFiniteCounts(counts: Counts, what: string): void {
  if (counts instanceof Uint16Array) return;
  const bad = counts.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new InputError('not-finite', `${what} is ${counts[bad]} at value ${bad}; counts must be finite.`);
}

/** Mean dark and flat frame; either one value a pixel. */
export interface FlatField {
  readonly dark: Float32Array;
  readonly flat: Float32Array;
  /** A frame's line integrals, made by other means than ours (simd-lines.ts). */
  readonly lines?: (frame: Counts) => Float32Array;
}

/** Pixels of a frame. Throws `InputError` where dark and flat disagree. */
export function frameLengthOf({ dark, flat }: FlatField): number {
  assertLength('flat', flat.length, dark.length);
  return dark.length;
}

/** Writes the transmission of each pixel to `out`, from `at` on; noise can make it slightly negative or above 1. */
export function normalise(frame: Counts, { dark, flat }: FlatField, out: Float32Array, at = 0): void {
  assertLength('dark', dark.length, frame.length);
  assertLength('flat', flat.length, frame.length);
  assertLength('output', Math.min(out.length - at, frame.length), frame.length);
  for (let i = 0; i < frame.length; i++) {
    const zero = dark[i] as number;
    const beam = (flat[i] as number) - zero;
    out[at + i] = ((frame[i] as number) - zero) / Math.max(beam, beamMin);
  }
}

/** Replaces transmissions by line integrals, in place. NaN stays NaN, so that a broken pixel is not taken for a dense one. */
export function minusLog(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    values[i] = -Math.log(Math.max(values[i] as number, transmissionMin));
  }
}

export interface SinogramShape {
  readonly slices: number;
  readonly angles: number;
  readonly columns: number;
}

/** Normalises one projection (slices x columns counts), takes minus the logarithm and puts its rows in the sinogram. */
export function writeProjection(
  sinogram: Float32Array,
  { slices, angles, columns }: SinogramShape,
  { frame, angle, field }: { readonly frame: Counts; readonly angle: number; readonly field: FlatField },
): void {
  assertLength('frame', frame.length, slices * columns);
  assertLength('sinogram', sinogram.length, slices * angles * columns);
  if (!Number.isInteger(angle) || angle < 0 || angle >= angles) {
    throw new InputError(
      'angles',
      `Projection ${angle} does not exist in a scan of ${angles} angles (0 to ${angles - 1}).`,
    );
  }
  const lines = linesOf(frame, field);
  for (let slice = 0; slice < slices; slice++) {
    sinogram.set(lines.subarray(slice * columns, (slice + 1) * columns), (slice * angles + angle) * columns);
  }
}

function linesOf(frame: Counts, field: FlatField): Float32Array {
  assertFiniteCounts(frame, 'A projection');
  if (field.lines) {
    assertLength('dark', frameLengthOf(field), frame.length);
    return field.lines(frame);
  }
  const lines = new Float32Array(frame.length);
  normalise(frame, field, lines);
  minusLog(lines);
  return lines;
}

function assertLength(what: string, length: number, expected: number): void {
  if (length !== expected) {
    throw new InputError(
      'length',
      `${what} has ${length} values where ${expected} are expected; all frames of a scan have one shape.`,
    );
  }
}
