// A call with NumPy arrays instead of a scan's frames: what `npm run recon` does with files, on a pilot.
//
//   cat S.npy T.npy | pilotfish invoke gridrec - -H mode=compat filter=hann > R.npy
//
// Settings are those of the manifest's `config`; headers, named as the command's flags, say otherwise.
import { type FunctionContext, type FunctionEvent, Output, Reject } from 'pilotfish/sdk';
import { FormatError } from '../formats/errors.ts';
import { decodeNpyArrays, encodeNpy, isNpy } from '../formats/npy.ts';
import { blocksDefault, InputError, iterationsDefault, type Scan } from '../kernels/index.ts';
import { numbersOf, scanOfArrays } from './array-scan.ts';
import {
  type Algorithm,
  type MethodName,
  type MethodOptions,
  methodNames,
  methodOptionsOf,
  UsageError,
} from './method-options.ts';
import { type ReconKernels, type Reconstructed, reconstructScan } from './reconstruct-scan.ts';

export interface ArrayMethod {
  /** The function's; ML-EM with more than one block is OSEM. */
  readonly algorithm: Algorithm;
  readonly kernels: ReconKernels;
  /** Half a column where the manifest's `centre` is a sample index, and the algorithm counts from the detector's edge. */
  readonly axisOffset: number;
}

/** What its `config` calls the options of the command. */
const configNames: Partial<Record<MethodName, string>> = {
  mode: 'mode',
  centre: 'centre',
  filter: 'filter',
  'filter-par': 'filterPar',
  iterations: 'iterations',
  blocks: 'blocks',
  mask: 'maskRatio',
};
/** What platforms and proxies add to a call on its way. */
const passingHeaders = /^(?:pilotfish|nats|ce|x|accept|content|trace|user|forwarded|host|via)\w*(?:-|$)/i;

export function isArrayCall({ parts, data }: FunctionEvent): boolean {
  return parts === undefined && isNpy(data);
}

/** Slices (slices, rows, columns) as npy. Throws `Reject` for what stays wrong however often it is tried. */
export function reconstructArrays(event: FunctionEvent, ctx: FunctionContext, method: ArrayMethod): Output {
  try {
    const options = optionsOf(event, ctx, method);
    const doubts: string[] = options.ignored.map((name) => `${name} means nothing to ${options.algorithm}.`);
    const { scan, centres } = arraysOf(event.data);
    const own = centres ?? options.centre;
    const { kernels } = method;
    const done = reconstructScan({ ...options, centre: own }, scan, { kernels, warn: (text) => doubts.push(text) });
    for (const doubt of doubts) ctx.log.warn(doubt);
    return outputOf({ scan, options, done, doubts });
  } catch (error) {
    const kinds = [InputError, FormatError, UsageError, RangeError];
    if (error instanceof Error && kinds.some((kind) => error instanceof kind))
      throw new Reject(error.message, { cause: error });
    throw error;
  }
}

/** What a function that takes scans says to a payload that is none. */
export function notArrays({ data }: FunctionEvent, name: string): Reject {
  const seen = seenIn(data);
  return new Reject(
    `${name} takes the gathered frames of a scan, or a sinogram (angles, slices, columns) and its angles in radians as NumPy arrays, one after ` +
      `the other: cat S.npy T.npy | pilotfish invoke ${name} - > R.npy. This is ${seen}`,
  );
}

function seenIn(data: Uint8Array): string {
  if (data.byteLength === 0) return 'an empty payload';
  const begins = Buffer.from(data.buffer, data.byteOffset, Math.min(data.byteLength, 8)).toString('latin1');
  if (begins.startsWith('\x89HDF')) return 'an HDF5 file: `pilotfish replay FILE.h5` sends its frames';
  if (begins.startsWith('PK')) return 'an archive (npz): save each array with np.save';
  return `a payload of ${data.byteLength} bytes`;
}

/** Throws `FormatError` or `InputError`. */
export function arraysOf(data: Uint8Array): { readonly scan: Scan; readonly centres: Float64Array | undefined } {
  const names = ['the sinogram', 'theta', 'the list of axes'];
  const arrays = decodeNpyArrays(data, names[0], names.length);
  const [sinogram, theta, centres] = arrays.map((array, at) => ({ ...array, name: names[at] as string }));
  if (!sinogram || !theta)
    throw new InputError('theta', 'the angles are missing; send T.npy (radians, one an angle) after S.npy.');
  return { scan: scanOfArrays(sinogram, theta), centres: centres && numbersOf(centres) };
}

function optionsOf(event: FunctionEvent, ctx: FunctionContext, method: ArrayMethod): MethodOptions {
  const said = new Map(Object.entries(event.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const unknown = [...said.keys()].find(
    (name) => !methodNames.some((one) => one === name) && !passingHeaders.test(name),
  );
  if (unknown !== undefined)
    throw new UsageError(
      `header "${unknown}" is no option of ${ctx.function.name}; there are ${methodNames.join(', ')}`,
    );
  const configured = (name: MethodName): string | undefined => {
    if (name === 'centre' && said.has('find-centre')) return undefined;
    return optionText(ctx.config, name, name === 'centre' ? method.axisOffset : 0);
  };
  const given = (name: MethodName): string | undefined => said.get(name) ?? configured(name);
  const isOsem = method.algorithm === 'mlem' && Number(given('blocks') ?? 1) > 1;
  const algorithm = isOsem ? 'osem' : method.algorithm;
  const wanted = said.get('algorithm') ?? algorithm;
  if (wanted !== algorithm)
    throw new UsageError(`${ctx.function.name} reconstructs by ${algorithm}; invoke ${wanted}, or recon-sinogram`);
  const all = (name: MethodName): string | undefined => (name === 'algorithm' ? algorithm : given(name));
  const options = methodOptionsOf(all, (name) => `the option ${name}`);
  // What the manifest says and this algorithm has no use for is no mistake of the caller's.
  return { ...options, ignored: options.ignored.filter((name) => said.has(name)) };
}

/** An option as the manifest's `config` says it; `offset` is added to a number. */
export function optionText(config: FunctionContext['config'], name: MethodName, offset = 0): string | undefined {
  const value = config[configNames[name] ?? ''];
  if (value === undefined) return undefined;
  return typeof value === 'number' ? String(value + offset) : String(value);
}

function outputOf({
  scan,
  options,
  done: { values, grid, centre },
  doubts,
}: {
  readonly scan: Scan;
  readonly options: MethodOptions;
  readonly done: Reconstructed;
  readonly doubts: readonly string[];
}): Output {
  const shape = [scan.slices, grid.rows, grid.columns];
  return new Output(encodeNpy({ shape, values }), {
    headers: {
      'Pilotfish-Recon': describeMethod(options, scan.angles),
      'Pilotfish-Shape': shape.join(','),
      'Pilotfish-Dtype': 'f32',
      'Pilotfish-Frames': String(scan.angles),
      ...(typeof centre === 'number' ? { 'Pilotfish-Centre': String(centre) } : {}),
      ...(doubts.length === 0 ? {} : { 'Pilotfish-Doubts': doubts.join(' ') }),
    },
  });
}

/** Algorithm and parameters in words. */
export function describeMethod(options: MethodOptions, angles: number): string {
  const { algorithm, mode, filter, filterParameters, iterations, blocks, maskRatio } = options;
  const isFiltered = algorithm === 'gridrec' || algorithm === 'fbp';
  const said = isFiltered
    ? { mode, filter, 'filter-par': filterParameters?.join(',') }
    : {
        iterations: iterations ?? iterationsDefault,
        blocks: algorithm === 'osem' ? (blocks ?? Math.min(blocksDefault, angles)) : undefined,
      };
  const words = Object.entries({ ...said, mask: maskRatio }).filter(([, value]) => value !== undefined);
  return [algorithm, ...words.map(([name, value]) => `${name}=${value}`)].join(' ');
}
