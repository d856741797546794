// Scans in the Data Exchange layout of HDF5 (De Carlo et al. 2014): /exchange/data (theta, y, x), data_white, data_dark and theta in degrees;
// where theta is missing, /process/acquisition/rotation/{rotation_start, rotation_step, num_angles}. Frames are read one at a time by hyperslab:
// a stack may be larger than memory.
import { closeSync, openSync, readSync } from 'node:fs';
import h5wasm, { type Dataset, type File } from 'h5wasm/node';
import { FormatError } from './errors.ts';
import { assertReadableFilters } from './hdf5-filters.ts';

export type FrameStack = 'dark' | 'flat' | 'projection';

/** One frame, rows x columns; detectors' integers of up to 16 bits stay integers, everything else becomes f32. */
export type FrameValues = Uint16Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

export interface DataExchangeScan {
  readonly rows: number;
  readonly columns: number;
  readonly dtype: 'u16' | 'f32';
  readonly counts: Readonly<Record<FrameStack, number>>;
  /** Radians, one a projection. */
  readonly theta: Float64Array;
  readonly readFrame: (stack: FrameStack, index: number) => FrameValues;
  readonly close: () => void;
  readonly [Symbol.dispose]: () => void;
}

const stackPaths: Readonly<Record<FrameStack, string>> = {
  dark: '/exchange/data_dark',
  flat: '/exchange/data_white',
  projection: '/exchange/data',
};
const thetaPath = '/exchange/theta';
const rotationPath = '/process/acquisition/rotation';
const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a] as const;
/** A user block may come first; its size is a power of two from 512 on. HDF5 looks no further than the end of the file, we look here. */
const signatureOffsets = [0, 512, 1024, 2048, 4096, 8192] as const;

/**
 * Opens a scan. Throws `FormatError` for what is not HDF5, cut short, of another layout, or compressed with a filter that cannot be
 * decoded (all datasets of the scan are checked here). The caller owns the result and closes it.
 */
export async function openDataExchange(path: string): Promise<DataExchangeScan> {
  assertSignature(path);
  const library = await h5wasm.ready;
  // HDF5 then throws its error text instead of printing it and going on with invalid handles.
  library.activate_throwing_error_handler();
  const file = attempt(path, () => new h5wasm.File(path, 'r'));
  try {
    return describeScan(file, path);
  } catch (error) {
    file.close();
    throw error;
  }
}

function describeScan(file: File, path: string): DataExchangeScan {
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
  const bad = degrees.findIndex((angle) => !Number.isFinite(angle));
  if (bad >= 0) throw new FormatError('shape', `Angle ${bad} of ${path} is ${degrees[bad]}.`);
  return degrees.map((angle) => (angle * Math.PI) / 180);
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

function readValues(dataset: Dataset, name: string, path: string): Float64Array {
  const value = attempt(path, () => dataset.value);
  // Scalars come bare, 64-bit integers as bigint; angles and counts fit a double.
  if (typeof value === 'number' || typeof value === 'bigint') return Float64Array.of(Number(value));
  if (value instanceof BigInt64Array || value instanceof BigUint64Array) return Float64Array.from(value, Number);
  return Float64Array.from(toNumbers(value, undefined, name, path));
}

/** A dataset whose filters were checked; undefined when the file has none of that name. */
function findDataset(file: File, name: string, path: string): Dataset | undefined {
  // `get` on a missing name makes HDF5 throw, so each step of the path is looked up first.
  let group: InstanceType<typeof h5wasm.Group> = file;
  const steps = name.split('/').filter((step) => step !== '');
  for (const [i, step] of steps.entries()) {
    if (!attempt(path, () => group.keys()).includes(step)) return undefined;
    const entity = attempt(path, () => group.get(step));
    if (entity instanceof h5wasm.Dataset && i === steps.length - 1) {
      assertReadableFilters(entity.filters, name, path);
      return entity;
    }
    if (!(entity instanceof h5wasm.Group)) return undefined;
    group = entity;
  }
  return undefined;
}

function toNumbers(values: unknown, expected: number | undefined, name: string, path: string): ArrayLike<number> {
  if (!ArrayBuffer.isView(values) || values instanceof DataView) {
    throw new FormatError('unsupported', `${name} in ${path} does not hold plain numbers.`);
  }
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    throw new FormatError('unsupported', `${name} in ${path} holds 64-bit integers; convert it to u16 or f32.`);
  }
  const numbers = values as Float64Array;
  if (expected !== undefined && numbers.length !== expected) {
    throw new FormatError(
      'truncated',
      `${name} in ${path} gave ${numbers.length} values where ${expected} were expected.`,
    );
  }
  return numbers;
}

function attempt<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const truncated = /truncated/i.test(text);
    const what = truncated ? 'is cut short; copy it again' : 'cannot be read as HDF5';
    throw new FormatError(truncated ? 'truncated' : 'not-this-format', `${path} ${what}: ${lastLine(text)}`, {
      cause: error,
    });
  }
}

/** HDF5 reports a stack of errors; the innermost one says what is wrong. */
function lastLine(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? text;
  return line.replace(/^\s*minor:\s*/, '');
}

function assertSignature(path: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    throw new FormatError(
      'missing',
      `${path} cannot be opened: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  try {
    const bytes = new Uint8Array(signature.length);
    const found = signatureOffsets.some((offset) => {
      const count = readSync(descriptor, bytes, 0, bytes.length, offset);
      return count === bytes.length && signature.every((byte, i) => bytes[i] === byte);
    });
    if (!found) throw new FormatError('not-this-format', `${path} is not an HDF5 file.`);
  } finally {
    closeSync(descriptor);
  }
}
