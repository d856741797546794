// Scans in the NXtomo layout of NeXus: one stack of frames of every kind, `image_key` says which (0 projection, 1 flat, 2 dark, 3 invalid),
// `rotation_angle` in degrees, one a frame. Groups have free names, so the detector is looked for.
import type { Dataset, File } from 'h5wasm/node';
import { FormatError } from './errors.ts';
import { attempt, findDataset, isGroup, readValues, toNumbers } from './hdf5-file.ts';
import type { FrameStack, ScanFile } from './scan-frames.ts';

/** Groups looked into; real files have some tens. */
const groupsMax = 2_000;
const depthMax = 8;
const stacks: readonly FrameStack[] = ['projection', 'flat', 'dark'];

export interface NxTomoPlace {
  /** Group with `data` and `image_key`. */
  readonly detector: string;
  /** Dataset of the angles. */
  readonly angles: string;
}

/** The first detector with frames and keys, and the angles above or beside it; undefined where there is none. */
export function findNxTomo(file: File, path: string): NxTomoPlace | undefined {
  const waiting: { readonly name: string; readonly depth: number }[] = [{ name: '', depth: 0 }];
  for (let looked = 0; looked < groupsMax; looked++) {
    const next = waiting.shift();
    if (!next) return undefined;
    const group = attempt(path, () => (next.name === '' ? file : file.get(next.name)));
    if (!isGroup(group)) continue;
    const keys = attempt(path, () => group.keys());
    if (keys.includes('image_key') && keys.includes('data')) {
      return { detector: next.name, angles: anglesOf(file, next.name, path) };
    }
    if (next.depth < depthMax) {
      waiting.push(...keys.map((key) => ({ name: `${next.name}/${key}`, depth: next.depth + 1 })));
    }
  }
  return undefined;
}

function anglesOf(file: File, detector: string, path: string): string {
  const steps = detector.split('/').slice(1);
  for (let length = steps.length; length >= 0; length--) {
    const above = ['', ...steps.slice(0, length)].join('/');
    for (const name of [`${above}/rotation_angle`, `${above}/sample/rotation_angle`]) {
      if (findDataset(file, name, path)) return name;
    }
  }
  throw new FormatError('missing', `${path} has frames in ${detector} but no rotation_angle in a sample above them.`);
}

/** The scan of an open file, which the scan then owns. */
export function describeNxTomo(file: File, place: NxTomoPlace, path: string): ScanFile {
  const name = `${place.detector}/data`;
  const data = findDataset(file, name, path);
  const [frames, rows, columns, ...more] = data?.shape ?? [];
  if (!data || !frames || !rows || !columns || more.length > 0) {
    throw new FormatError(
      'shape',
      `${name} in ${path} is (${data?.shape?.join(', ')}); frames x rows x columns are needed.`,
    );
  }
  const { type, signed, size } = data.metadata;
  if (type !== 0 && type !== 1) throw new FormatError('unsupported', `${name} in ${path} does not hold numbers.`);
  const keys = valuesOf(file, `${place.detector}/image_key`, frames, path);
  const degrees = valuesOf(file, place.angles, frames, path);
  const places = placesOf(keys, path);
  const theta = Float64Array.from(places.projection, (at) => ((degrees[at] as number) * Math.PI) / 180);
  const bad = theta.findIndex((angle) => !Number.isFinite(angle));
  if (bad >= 0) throw new FormatError('shape', `The angle of projection ${bad} of ${path} is ${theta[bad]}.`);
  const integer = type === 0 && !signed && size <= 2;
  const close = (): void => {
    file.close();
  };
  return {
    rows,
    columns,
    dtype: integer ? 'u16' : 'f32',
    counts: { dark: places.dark.length, flat: places.flat.length, projection: places.projection.length },
    theta,
    readFrame: (stack, index) => {
      const at = places[stack][index];
      if (at === undefined) {
        throw new RangeError(`There is no ${stack} frame ${index}; ${path} has ${places[stack].length}.`);
      }
      const numbers = readFrameAt(data, at, { expected: rows * columns, name, path });
      return integer ? Uint16Array.from(numbers) : Float32Array.from(numbers);
    },
    close,
    [Symbol.dispose]: close,
  };
}

function readFrameAt(
  data: Dataset,
  at: number,
  { expected, name, path }: { readonly expected: number; readonly name: string; readonly path: string },
): ArrayLike<number> {
  return toNumbers(
    attempt(path, () => data.slice([[at, at + 1], [], []])),
    expected,
    name,
    path,
  );
}

function valuesOf(file: File, name: string, frames: number, path: string): Float64Array {
  const dataset = findDataset(file, name, path);
  if (!dataset) throw new FormatError('missing', `${path} has no ${name}.`);
  const values = readValues(dataset, name, path);
  if (values.length === frames) return values;
  throw new FormatError('shape', `${name} in ${path} has ${values.length} values for ${frames} frames.`);
}

/** Where the frames of each kind lie in the stack; invalid ones are left out. */
function placesOf(keys: Float64Array, path: string): Readonly<Record<FrameStack, readonly number[]>> {
  const places: Record<FrameStack, number[]> = { projection: [], flat: [], dark: [] };
  for (const [at, key] of keys.entries()) {
    if (key === 3) continue;
    const stack = stacks[key];
    if (stack === undefined)
      throw new FormatError('unsupported', `image_key[${at}] of ${path} is ${key}; 0 to 3 are known.`);
    places[stack].push(at);
  }
  const empty = stacks.find((stack) => places[stack].length === 0);
  if (empty) throw new FormatError('missing', `${path} has no ${empty} frame by its image_key.`);
  return places;
}
