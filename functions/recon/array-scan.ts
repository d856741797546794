// A scan out of NumPy arrays: a sinogram (angles, slices, columns), its angles, and where each slice has an axis of its own, these.
import type { NpyArray } from '../formats/npy.ts';
import { InputError, type Scan } from '../kernels/index.ts';

export interface NamedArray extends NpyArray {
  /** What messages call it. */
  readonly name: string;
}

/** Throws `InputError`. */
export function scanOfArrays(sinogram: NamedArray, theta: NamedArray): Scan {
  const { shape, values } = sinogram;
  const [angles = 0, slices = 0, columns = 0] = shape;
  if (shape.length !== 3) {
    throw new InputError(
      'length',
      `${sinogram.name} has the shape (${shape.join(', ')}); a sinogram is (angles, slices, columns).`,
    );
  }
  return {
    sinogram: bySlice(values, { angles, slices, columns }),
    angles,
    slices,
    columns,
    theta: numbersOf(theta),
  };
}

/** A list of numbers, such as an axis a slice; a row or a column of a table is one, too. Throws `InputError` for a table. */
export function numbersOf({ name, shape, values }: NamedArray): Float64Array {
  if (shape.filter((size) => size !== 1).length > 1)
    throw new InputError('length', `${name} has the shape (${shape.join(', ')}); a list of numbers is expected.`);
  return Float64Array.from(values);
}

function bySlice(
  values: ArrayLike<number>,
  { angles, slices, columns }: { readonly angles: number; readonly slices: number; readonly columns: number },
): Float32Array {
  const source = values instanceof Float32Array ? values : Float32Array.from(values);
  const sinogram = new Float32Array(source.length);
  for (let angle = 0; angle < angles; angle++) {
    for (let slice = 0; slice < slices; slice++) {
      const from = (angle * slices + slice) * columns;
      sinogram.set(source.subarray(from, from + columns), (slice * angles + angle) * columns);
    }
  }
  return sinogram;
}
