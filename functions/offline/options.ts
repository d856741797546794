// The command line of `npm run recon`.
import { parseArgs } from 'node:util';
import {
  type BlockOrder,
  filterNames,
  type GridrecMode,
  type GridShape,
  type IterativeAlgorithm,
  iterativeAlgorithms,
} from '../kernels/index.ts';

export type Algorithm = 'gridrec' | 'fbp' | IterativeAlgorithm;
export const algorithms: readonly Algorithm[] = ['gridrec', 'fbp', ...iterativeAlgorithms];

export interface ReconOptions {
  readonly algorithm: Algorithm;
  readonly mode: GridrecMode;
  readonly input:
    | { readonly kind: 'arrays'; readonly sinogram: string; readonly theta: string }
    | { readonly kind: 'scan'; readonly path: string };
  readonly out: string;
  /** A number, a file of one a slice, or undefined for the default (columns / 2; searched for in a scan). */
  readonly centre: number | { readonly file: string } | undefined;
  readonly filter: string;
  readonly filterParameters: readonly number[] | { readonly file: string } | undefined;
  readonly iterations: number | undefined;
  readonly blocks: number | undefined;
  readonly order: BlockOrder | undefined;
  readonly grid: GridShape | undefined;
  readonly maskRatio: number | undefined;
  /** How to look for the axis where none is given; undefined: not at all in arrays, by entropy in a scan. */
  readonly findCentre: 'entropy' | 'vo' | 'phase' | undefined;
  /** Columns of the median that takes stripes out; undefined: none. */
  readonly rings: number | undefined;
  readonly plain: boolean;
  /** Flags that were given and mean nothing to this algorithm. */
  readonly ignored: readonly string[];
  readonly json: boolean;
}

/** A command line that cannot be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const reconHelp = `npm run recon -- --algorithm NAME --mode MODE --sinogram S.npy --theta T.npy --out R.npy [options]
npm run recon -- --algorithm NAME --mode MODE --input SCAN.h5 --out R.npy [options]

Reconstructs slices from a file, with the kernels that the functions use, without a pilot.

  --algorithm NAME        ${algorithms.join(', ')}
  --mode MODE             accurate (default): as the physics has it; compat: TomoPy's numbers
  --sinogram S.npy        line integrals (angles, slices, columns), <f4
  --theta T.npy           radians, one an angle
  --input SCAN.h5         instead of both: a Data Exchange scan; normalised, minus log, axis searched for
  --out R.npy             slices (slices, rows, columns), <f4
  --centre C              rotation axis in columns (default: columns / 2)
  --centres C.npy         one axis a slice
  --filter NAME           of gridrec and fbp: ${filterNames.join(', ')}, custom (default: shepp)
  --filter-par A,B        cut-off and order (default: 0.5,8); of custom: the table, as numbers or FILE.npy
  --iterations N          of mlem, osem and sirt (default: 10)
  --blocks N              blocks of angles of osem (default: 10)
  --order NAME            angles of a block: sequential (compat) or interleaved (accurate)
  --grid ROWSxCOLUMNS     pixels of a slice (default: columns x columns)
  --find-centre METHOD    entropy (default of --input), vo, or phase (first and last projection half a turn apart)
  --rings COLUMNS         take rings out first, with a median of so many columns (odd, such as 21)
  --mask RATIO            0 outside of a disk of this part of the width
  --plain                 the plain TypeScript kernels instead of the SIMD ones
  --json                  what was done, as one JSON object on stdout

fbp with --mode compat or --filter none is plain back-projection, as TomoPy's fbp. mlem and sirt are the same in both modes.

Examples:
  npm run recon -- --algorithm gridrec --mode compat --sinogram S.npy --theta T.npy --out R.npy --centre 127.5
  npm run recon -- --algorithm osem --mode accurate --sinogram S.npy --theta T.npy --out R.npy --iterations 2 --blocks 10
  npm run recon -- --algorithm gridrec --mode accurate --input scan.h5 --out R.npy --mask 0.95
`;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const flags = {
  algorithm: text,
  mode: text,
  sinogram: text,
  theta: text,
  input: text,
  out: text,
  centre: text,
  centres: text,
  filter: text,
  'filter-par': text,
  iterations: text,
  blocks: text,
  order: text,
  grid: text,
  mask: text,
  'find-centre': text,
  rings: text,
  plain: flag,
  json: flag,
  help: { type: 'boolean', short: 'h' },
} as const;

/** Undefined when help was asked for. Throws `UsageError`. */
export function parseReconOptions(args: readonly string[]): ReconOptions | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const given = (name: keyof typeof values): string | undefined => values[name] as string | undefined;
  const mode = oneOf('mode', given('mode') ?? 'accurate', ['accurate', 'compat'] as const);
  const algorithm = oneOf('algorithm', required('algorithm', given('algorithm')), algorithms);
  const number = (name: keyof typeof values) => {
    const value = given(name);
    return value === undefined ? undefined : toNumber(name, value);
  };
  return {
    algorithm,
    mode,
    input: inputOf(values),
    out: required('out', given('out')),
    centre: centreOf(given('centre'), given('centres')),
    filter: oneOf('filter', given('filter') ?? 'shepp', [...filterNames, 'custom']),
    filterParameters: filterParametersOf(given('filter-par')),
    iterations: number('iterations'),
    blocks: number('blocks'),
    order: orderOf(given('order'), mode),
    grid: gridOf(given('grid')),
    maskRatio: number('mask'),
    findCentre: methodOf(given('find-centre')),
    rings: number('rings'),
    plain: values.plain === true,
    ignored: ignoredBy(algorithm, mode).filter((name) => given(name) !== undefined),
    json: values.json === true,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: joinNegative(args), options: flags }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** `--centre -1` as `--centre=-1`: a negative number is a value, and no flag. */
function joinNegative(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const last = joined.at(-1);
    if (/^-[\d.]/.test(arg) && last !== undefined && /^--[^=]+$/.test(last))
      joined[joined.length - 1] = `${last}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}

type FlagName = keyof typeof flags;

function ignoredBy(algorithm: Algorithm, mode: GridrecMode): readonly FlagName[] {
  const ofFilters: readonly FlagName[] = ['filter', 'filter-par'];
  const ofBlocks: readonly FlagName[] = ['blocks', 'order'];
  if (algorithm === 'osem') return ofFilters;
  if (algorithm === 'mlem' || algorithm === 'sirt') return [...ofFilters, ...ofBlocks];
  const isUnfiltered = algorithm === 'fbp' && mode === 'compat';
  return ['iterations', ...ofBlocks, ...(isUnfiltered ? ofFilters : [])];
}

function required(name: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new UsageError(`--${name} is missing`);
  return value;
}

function oneOf<Choice extends string>(name: string, value: string, choices: readonly Choice[]): Choice {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new UsageError(`--${name} is "${value}"; it is one of ${choices.join(', ')}`);
  return found;
}

function toNumber(name: string, value: string): number {
  const number = value.trim() === '' ? Number.NaN : Number(value);
  if (!Number.isFinite(number)) throw new UsageError(`--${name} is "${value}"; it is a number`);
  return number;
}

function inputOf({
  input,
  sinogram,
  theta,
}: {
  readonly input?: string | undefined;
  readonly sinogram?: string | undefined;
  readonly theta?: string | undefined;
}): ReconOptions['input'] {
  if (input !== undefined) {
    if (sinogram !== undefined || theta !== undefined)
      throw new UsageError('give --input or --sinogram and --theta, not both');
    return { kind: 'scan', path: input };
  }
  return { kind: 'arrays', sinogram: required('sinogram', sinogram), theta: required('theta', theta) };
}

function centreOf(centre: string | undefined, centres: string | undefined): ReconOptions['centre'] {
  if (centre !== undefined && centres !== undefined) throw new UsageError('give --centre or --centres, not both');
  if (centres !== undefined) return { file: centres };
  return centre === undefined ? undefined : toNumber('centre', centre);
}

function filterParametersOf(value: string | undefined): ReconOptions['filterParameters'] {
  if (value === undefined) return undefined;
  if (value.endsWith('.npy')) return { file: value };
  return value.split(',').map((part) => toNumber('filter-par', part));
}

function orderOf(value: string | undefined, mode: GridrecMode): BlockOrder {
  if (value !== undefined) return oneOf('order', value, ['sequential', 'interleaved'] as const);
  return mode === 'compat' ? 'sequential' : 'interleaved';
}

function methodOf(value: string | undefined): ReconOptions['findCentre'] {
  return value === undefined ? undefined : oneOf('find-centre', value, ['entropy', 'vo', 'phase'] as const);
}

function gridOf(value: string | undefined): GridShape | undefined {
  if (value === undefined) return undefined;
  const [, rows, columns] = /^(\d+)x(\d+)$/.exec(value) ?? [];
  if (rows === undefined || columns === undefined)
    throw new UsageError(`--grid is "${value}"; it is ROWSxCOLUMNS, such as 256x256`);
  return { rows: Number(rows), columns: Number(columns) };
}
