// Scans in the Data Exchange layout of HDF5 (De Carlo et al. 2014): /exchange/data (theta, y, x), data_white, data_dark and theta in degrees;
// where theta is missing, /process/acquisition/rotation/{rotation_start, rotation_step, num_angles}. Frames are read one at a time by hyperslab:
// a stack may be larger than memory.
import type { Dataset, File } from 'h5wasm/node';
import { FormatError } from './errors.ts';
import { attempt, findDataset, openHdf5, readValues, toNumbers } from './hdf5-file.ts';
import type { FrameStack, FrameValues, ScanFile } from './scan-frames.ts';

const stackPaths: Readonly<Record<FrameStack, string>> = {
  dark: '/exchange/data_dark',
  flat: '/exchange/data_white',
  projection: '/exchange/data',
};
const thetaPath = '/exchange/theta';
const rotationPath = '/process/acquisition/rotation';
/**
 * Opens a scan. Throws `FormatError` for what is not HDF5, cut short, of another layout, or compressed with a filter that cannot be
 * decoded (all datasets of the scan are checked here). The caller owns the result and closes it.
 */
export async function openDataExchange(path: string): Promise<ScanFile> {
  const file = await openHdf5(path);
  try {
    return describeDataExchange(file, path);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** The scan of an open file, which the scan then owns. */
export function describeDataExchange(file: File, path: string): ScanFile {
  const stacks = {
    dark: findStack(file, 'dark', path),
    flat: findStack(file, 'flat', path),
    projection: findStack(file, 'projection', path),
  };
  const [angles, rows, columns] = stacks.projection.shape;
  for (const kind of ['dark', 'flat'] as const) {
    const shape = stacks[kind].shape;
    if (shape[1] !== rows || shape[2] !== columns) {
      throw new FormatError(
        'shape',
        `${stackPaths[kind]} in ${path} has frames of ${shape[1]} x ${shape[2]}, the projections of ${rows} x ${columns}.`,
      );
    }
  }
  const theta = readTheta(file, angles, path);
  const close = (): void => {
    file.close();
  };
  return {
    rows,
    columns,
    dtype: Object.values(stacks).every((stack) => stack.integer) ? 'u16' : 'f32',
    counts: { dark: stacks.dark.shape[0], flat: stacks.flat.shape[0], projection: angles },
    theta,
    readFrame: (kind, index) => readFrame(stacks, kind, index, path),
    close,
    [Symbol.dispose]: close,
  };
}

interface Stack {
  readonly dataset: Dataset;
  readonly shape: readonly [number, number, number];
  /** Unsigned, at most 16 bits. */
  readonly integer: boolean;
}

function findStack(file: File, kind: FrameStack, path: string): Stack {
  const name = stackPaths[kind];
  const dataset = findDataset(file, name, path);
  if (dataset === undefined) {
    throw new FormatError(
      'missing',
      `${path} has no ${name}; a Data Exchange file needs data, data_white and data_dark in /exchange.`,
    );
  }
  const [count, rows, columns, ...more] = dataset.shape ?? [];
  if (!count || !rows || !columns || more.length > 0) {
    throw new FormatError(
      'shape',
      `${name} in ${path} has the shape (${dataset.shape?.join(', ')}); frames x rows x columns, none 0, are needed.`,
    );
  }
  const { type, signed, size } = dataset.metadata;
  // Classes 0 and 1 of HDF5: integers and floating-point numbers.
  if (type !== 0 && type !== 1)
    throw new FormatError('unsupported', `${name} in ${path} does not hold numbers (HDF5 class ${type}).`);
  return { dataset, shape: [count, rows, columns], integer: type === 0 && !signed && size <= 2 };
}

function readFrame(
  stacks: Readonly<Record<FrameStack, Stack>>,
  kind: FrameStack,
  index: number,
  path: string,
): FrameValues {
  const { dataset, shape } = stacks[kind];
  if (!Number.isInteger(index) || index < 0 || index >= shape[0]) {
    throw new RangeError(`There is no ${kind} frame ${index}; ${path} has ${shape[0]}.`);
  }
  const values = attempt(path, () => dataset.slice([[index, index + 1], [], []]));
  const numbers = toNumbers(values, shape[1] * shape[2], stackPaths[kind], path);
  const integer = Object.values(stacks).every((stack) => stack.integer);
  return integer ? Uint16Array.from(numbers) : Float32Array.from(numbers);
}

function readTheta(file: File, angles: number, path: string): Float64Array {
  const dataset = findDataset(file, thetaPath, path);
  const degrees = dataset === undefined ? readRotation(file, angles, path) : readValues(dataset, thetaPath, path);
  if (degrees.length !== angles) {
    throw new FormatError('shape', `${path} has ${angles} projections but ${degrees.length} angles.`);
  }
  // Looked at afterwards: the largest numbers of degrees are infinite once they are multiplied.
  const theta = degrees.map((angle) => (angle * Math.PI) / 180);
  const bad = theta.findIndex((angle) => !Number.isFinite(angle));
  if (bad >= 0) throw new FormatError('shape', `Angle ${bad} of ${path} is ${degrees[bad]}.`);
  return theta;
}

function readRotation(file: File, angles: number, path: string): Float64Array {
  const read = (name: string): number | undefined => {
    const dataset = findDataset(file, `${rotationPath}/${name}`, path);
    return dataset === undefined ? undefined : readValues(dataset, `${rotationPath}/${name}`, path)[0];
  };
  const [start, step] = [read('rotation_start'), read('rotation_step')];
  if (start === undefined || step === undefined) {
    throw new FormatError(
      'missing',
      `${path} has neither ${thetaPath} nor ${rotationPath}/rotation_start and rotation_step; angles are needed.`,
    );
  }
  return Float64Array.from({ length: read('num_angles') ?? angles }, (_, i) => start + i * step);
}
