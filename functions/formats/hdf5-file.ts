// An HDF5 file as our readers use it: opened with its signature checked, datasets looked up without HDF5's own complaints and with their
// filters checked, values as plain numbers, every failure a `FormatError` that names the file.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Dataset, Entity, File, Group } from 'h5wasm/node';
import { FormatError } from './errors.ts';
import { assertReadableFilters } from './hdf5-filters.ts';

const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a] as const;
/** A user block may come first; its size is a power of two from 512 on. HDF5 looks no further than the end of the file, we look here. */
const signatureOffsets = [0, 512, 1024, 2048, 4096, 8192] as const;

/** The caller closes the file. Throws `FormatError` for what is missing, not HDF5, or cut short. */
export async function openHdf5(path: string): Promise<File> {
  const place = assertSignature(path);
  if (halfOpen.has(place)) {
    throw new FormatError(
      'unsupported',
      `${path} lies where this process has read a damaged file, which HDF5 cannot let go of; copy it to another name.`,
    );
  }
  // Loaded when a file is there to be read: it is the largest part of whatever bundles it.
  const { default: h5wasm } = await import('h5wasm/node');
  const library = await h5wasm.ready;
  onOwnStack = restoringStack(library as unknown as Ccall);
  // HDF5 then throws its error text instead of printing it and going on with invalid handles.
  library.activate_throwing_error_handler();
  const files = library.FS as unknown as OpenFiles;
  const before = new Set(files.streams);
  const own = () => files.streams.filter((stream) => stream && !before.has(stream));
  try {
    const file = attempt(path, () => new h5wasm.File(path, 'r'));
    const opened = own();
    const close = file.close.bind(file);
    file.close = () => {
      const status = attempt(path, close);
      if (opened.some((stream) => files.streams.includes(stream))) halfOpen.add(place);
      closeLeft(files, (stream) => opened.includes(stream) || errorText.test(stream.path));
      return status;
    };
    return file;
  } catch (error) {
    const left = own();
    closeLeft(files, (stream) => left.includes(stream));
    throw error;
  }
}

/** Files that HDF5 still takes for open: what lies there now would be read by what it remembers of the damaged one. */
const halfOpen = new Set<string>();

interface OpenFile {
  readonly path: string;
}

/** What the library has open. */
interface OpenFiles {
  /** With holes where one was closed. */
  readonly streams: readonly OpenFile[];
  close(stream: OpenFile): void;
}

/** Where HDF5 writes the text of an error before it is thrown. */
const errorText = /^\/tmp\/tmpfile_/;

/**
 * An error is thrown right through HDF5, which then closes nothing of what it was working on: a damaged file would stay
 * open, with the text of its error, for as long as the process lives.
 */
function closeLeft(files: OpenFiles, isLeft: (stream: OpenFile) => boolean): void {
  for (const stream of files.streams) if (stream && isLeft(stream)) files.close(stream);
}

interface Ccall {
  /** Calls the member of that name, with a "_" before it. */
  ccall(name: string, result: null, types: readonly string[], values: readonly string[]): void;
  _onOwnStack?: () => void;
}

/** Replaced once the library is there. */
let onOwnStack = <Result>(read: () => Result): Result => read();

/**
 * An error thrown through HDF5 also leaves its stack pointer where it was. After some thousand damaged files the stack would have
 * grown into other memory, and good files be read wrongly. `ccall` puts the pointer back when what it calls returns, if only it
 * had room there for a text; so the reading is what it calls, and the error is kept until it has returned.
 */
function restoringStack(library: Ccall): typeof onOwnStack {
  return (read) => {
    let outcome: { readonly value: ReturnType<typeof read> } | { readonly error: unknown } | undefined;
    library._onOwnStack = () => {
      try {
        outcome = { value: read() };
      } catch (error) {
        outcome = { error };
      }
    };
    library.ccall('onOwnStack', null, ['string'], ['']);
    if (outcome && 'value' in outcome) return outcome.value;
    throw outcome?.error;
  };
}

export function readValues(dataset: Dataset, name: string, path: string): Float64Array {
  const value = attempt(path, () => dataset.value);
  // Scalars come bare, 64-bit integers as bigint; angles and counts fit a double.
  if (typeof value === 'number' || typeof value === 'bigint') return Float64Array.of(Number(value));
  if (value instanceof BigInt64Array || value instanceof BigUint64Array) return Float64Array.from(value, Number);
  return Float64Array.from(toNumbers(value, undefined, name, path));
}

/** A dataset whose filters were checked; undefined when the file has none of that name. */
export function findDataset(file: File, name: string, path: string): Dataset | undefined {
  // `get` on a missing name makes HDF5 throw, so each step of the path is looked up first.
  let group: Group = file;
  const steps = name.split('/').filter((step) => step !== '');
  for (const [i, step] of steps.entries()) {
    if (!attempt(path, () => group.keys()).includes(step)) return undefined;
    const entity = attempt(path, () => group.get(step));
    if (isDataset(entity) && i === steps.length - 1) {
      // The library keeps the metadata it has read once: shape and type are then there for whoever asks.
      const { filters } = attempt(path, () => ({ filters: entity.filters, metadata: entity.metadata }));
      assertReadableFilters(filters, name, path);
      return entity;
    }
    if (!isGroup(entity)) return undefined;
    group = entity;
  }
  return undefined;
}

export function toNumbers(
  values: unknown,
  expected: number | undefined,
  name: string,
  path: string,
): ArrayLike<number> {
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

export function attempt<Result>(path: string, read: () => Result): Result {
  try {
    return onOwnStack(read);
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

/** Returns device and inode, by which HDF5 knows a file. */
function assertSignature(path: string): string {
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
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return `${dev}:${ino}`;
  } finally {
    closeSync(descriptor);
  }
}

/** By their names: the library's classes are only there once it is loaded. */
export function isGroup(entity: Entity | null): entity is Group {
  return entity !== null && 'type' in entity && entity.type === 'Group';
}

function isDataset(entity: Entity | null): entity is Dataset {
  return entity !== null && 'type' in entity && entity.type === 'Dataset';
}
