// What is to be reconstructed, from NumPy files or from a recorded scan.
import { readFileSync } from 'node:fs';
import { decodeNpy, FormatError, openDataExchange } from '../formats/index.ts';
import { FrameMean, InputError, type Scan, withLineKernel, writeProjection } from '../kernels/index.ts';

/** A sinogram (angles, slices, columns) and its angles. Throws `FormatError` or `InputError`. */
export function readArrays(sinogramPath: string, thetaPath: string): Scan {
  const { shape, values } = readNpy(sinogramPath);
  const [angles = 0, slices = 0, columns = 0] = shape;
  if (shape.length !== 3) {
    throw new InputError(
      'length',
      `${sinogramPath} has the shape (${shape.join(', ')}); a sinogram is (angles, slices, columns).`,
    );
  }
  const theta = readNumbers(thetaPath);
  return { sinogram: bySlice(values, { angles, slices, columns }), angles, slices, columns, theta };
}

/** A list of numbers, such as an axis a slice; a row or a column of a table is one, too. Throws `InputError` for a table. */
export function readNumbers(path: string): Float64Array {
  const { shape, values } = readNpy(path);
  if (shape.filter((size) => size !== 1).length > 1)
    throw new InputError('length', `${path} has the shape (${shape.join(', ')}); a list of numbers is expected.`);
  return Float64Array.from(values);
}

/** The table of a custom filter: one line, or a line an angle. */
export function readTable(path: string): Float64Array {
  return Float64Array.from(readNpy(path).values);
}

/** Reads darks, flats and projections frame by frame; the sinogram is all that is held. */
export async function readScanFile(path: string, kernel?: WebAssembly.Module): Promise<Scan> {
  using file = await openDataExchange(path);
  const { rows, columns, theta, counts } = file;
  const mean = (stack: 'dark' | 'flat'): Float32Array => {
    const sum = new FrameMean(rows * columns);
    for (let index = 0; index < counts[stack]; index++) sum.add(file.readFrame(stack, index));
    return sum.mean();
  };
  const means = { dark: mean('dark'), flat: mean('flat') };
  const field = kernel ? withLineKernel(means, kernel) : means;
  const shape = { slices: rows, angles: counts.projection, columns };
  const sinogram = new Float32Array(rows * counts.projection * columns);
  for (let angle = 0; angle < counts.projection; angle++) {
    writeProjection(sinogram, shape, { frame: file.readFrame('projection', angle), angle, field });
  }
  return { sinogram, ...shape, theta };
}

function readNpy(path: string): ReturnType<typeof decodeNpy> {
  try {
    return decodeNpy(readFileSync(path), path);
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError('missing', `${path} cannot be read: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
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
