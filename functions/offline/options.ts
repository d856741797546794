// The command line of `npm run recon`.
import { parseArgs } from 'node:util';
import { filterNames } from '../kernels/index.ts';
import {
  algorithms,
  type MethodName,
  type MethodOptions,
  methodOptionsOf,
  UsageError,
} from '../recon/method-options.ts';

export { UsageError };

export interface ReconOptions extends MethodOptions {
  readonly input:
    | { readonly kind: 'arrays'; readonly sinogram: string; readonly theta: string }
    | { readonly kind: 'scan'; readonly path: string };
  readonly out: string;
  /** A file of one axis a slice, instead of one for all. */
  readonly centresFile: string | undefined;
  /** The table of a custom filter. */
  readonly filterFile: string | undefined;
  readonly plain: boolean;
  readonly json: boolean;
}

export const reconHelp = `npm run recon -- --algorithm NAME --mode MODE --sinogram S.npy --theta T.npy --out R.npy [options]
npm run recon -- --algorithm NAME --mode MODE --input SCAN.h5 --out R.npy [options]

Reconstructs slices from a file, with the kernels that the functions use, without a pilot.

  --algorithm NAME        ${algorithms.join(', ')}
  --mode MODE             accurate (default): as the physics has it; compat: TomoPy's numbers
  --sinogram S.npy        line integrals (angles, slices, columns), <f4
  --theta T.npy           radians, one an angle
  --input SCAN.h5         instead of both: a recorded scan (Data Exchange or NXtomo, or a folder of TIFF pictures);
                          normalised, minus log, axis searched for
  --out R.npy             slices (slices, rows, columns), <f4
  --centre C              rotation axis in columns (default: columns / 2): a sample index for gridrec and filtered fbp,
                          half a column more for the others, as TomoPy counts it
  --centres C.npy         one axis a slice
  --filter NAME           of gridrec and fbp: ${filterNames.join(', ')}, custom (default: shepp)
  --filter-par A,B        cut-off and order (default: 0.5,8); of custom: the table, as numbers or FILE.npy
  --iterations N          of mlem, osem and sirt (default: 10)
  --blocks N              blocks of angles of osem (default: 10)
  --order NAME            angles of a block: sequential (compat) or interleaved (accurate)
  --grid ROWSxCOLUMNS     pixels of a slice (default: columns x columns)
  --find-centre METHOD    entropy (default of --input), vo, or phase (projections half a turn apart)
  --rings COLUMNS         take rings out first, with a median of so many columns (odd, such as 21)
  --mask RATIO            0 outside of a disk of this part of the width (default: none)
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
  const input = inputOf(values);
  const { centre, centres, 'filter-par': filterPar } = values;
  if (centre !== undefined && centres !== undefined) throw new UsageError('give --centre or --centres, not both');
  const filterFile = filterPar?.endsWith('.npy') ? filterPar : undefined;
  const given = (name: MethodName): string | undefined =>
    name === 'filter-par' && filterFile !== undefined ? undefined : values[name];
  const method = methodOptionsOf(given, (name) => `--${name}`);
  return {
    ...method,
    // A recorded scan has no axis of its own, and its middle is hardly ever right.
    findCentre: method.findCentre ?? (input.kind === 'scan' ? 'entropy' : undefined),
    input,
    out: required('out', values.out),
    centresFile: centres,
    filterFile,
    plain: values.plain === true,
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

function required(name: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new UsageError(`--${name} is missing`);
  return value;
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
