// What is to be reconstructed, from NumPy files or from a recorded scan.
import { readFileSync } from 'node:fs';
import { decodeNpy, FormatError, openScanFile } from '../formats/index.ts';
import { FrameMean, type Scan, withLineKernel, writeProjection } from '../kernels/index.ts';
import { type NamedArray, numbersOf, scanOfArrays } from '../recon/array-scan.ts';

/** A sinogram (angles, slices, columns) and its angles. Throws `FormatError` or `InputError`. */
export function readArrays(sinogramPath: string, thetaPath: string): Scan {
  return scanOfArrays(readNpy(sinogramPath), readNpy(thetaPath));
}

/** A list of numbers, such as an axis a slice. Throws `FormatError` or `InputError`. */
export function readNumbers(path: string): Float64Array {
  return numbersOf(readNpy(path));
}

/** The table of a custom filter: one line, or a line an angle. */
export function readTable(path: string): Float64Array {
  return Float64Array.from(readNpy(path).values);
}

/** Reads darks, flats and projections frame by frame; the sinogram is all that is held. */
export async function readScanFile(path: string, kernel?: WebAssembly.Module): Promise<Scan> {
  using file = await openScanFile(path);
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

function readNpy(path: string): NamedArray {
  try {
    return { ...decodeNpy(readFileSync(path), path), name: path };
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError('missing', `${path} cannot be read: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}
