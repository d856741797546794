/** The demo's command line. */
import { parseArgs } from 'node:util';
import { PlatformError } from '#common';
import { filterNames } from '../../functions/kernels/index.ts';

/** A slice of f32 is one message of at most 16 MB: wider ones would have to be cut up. */
export const columnsMax = 1_990;

export interface DemoOptions {
  /** A Data Exchange file; undefined for the phantom. */
  readonly input: string | undefined;
  readonly out: string;
  /** Where its nodes are, as in `pilotfish up --resource`. */
  readonly resource: string;
  readonly mode: 'accurate' | 'compat';
  readonly filter: string;
  /** Rotation axis in columns; undefined: searched for. */
  readonly centre: number | undefined;
  readonly rate: number;
  readonly nodes: number;
  readonly size: number;
  readonly angles: number;
  readonly scans: number;
  readonly rows: number;
  readonly json: boolean;
}

export const demoHelp = `npm run demo -- [options]

A pilot of two nodes on this machine, or on a cluster, reconstructs a detector stream: frames -> split -> gather -> gridrec -> slices.

  --input FILE.h5        a Data Exchange scan instead of the phantom
  --resource URL         where the pilot's nodes are (default: local://), as in pilotfish up
  --out DIR              where slices go (default: out)
  --mode MODE            accurate (default) or compat (equals TomoPy)
  --filter NAME          shepp (default), ramlak, cosine, parzen, hann, hamming, butterworth, none
  --centre COLUMN        rotation axis; searched for by default
  --rate N               frames a second, all scans together (default: 100)
  --nodes N              nodes of the pilot (default: 2)
  --scans N              phantom scans that overlap in time (default: 4)
  --size N --angles N --rows N   of a phantom scan (default: 256, 180, 16)
  --json                 one JSON object as the last line of stdout

Examples:
  npm run demo
  npm run demo -- --resource slurm:// --nodes 4
  npm run demo -- --input scan.h5 --out slices --json
`;

/** Undefined when help was asked for. Throws `usage` for what cannot be. */
export function parseDemoOptions(args: readonly string[]): DemoOptions | undefined {
  const values = parse(args);
  if (values['help']) return undefined;
  const text = (name: string) => String(values[name]);
  const mode = text('mode');
  if (mode !== 'accurate' && mode !== 'compat') throw usage(`--mode is "${mode}"; it is accurate or compat`);
  const filter = text('filter');
  if (!filterNames.some((name) => name === filter))
    throw usage(`--filter is "${filter}"; it is one of ${filterNames.join(', ')}`);
  return {
    input: values['input'] === undefined ? undefined : text('input'),
    out: text('out'),
    resource: text('resource'),
    mode,
    filter,
    centre: values['centre'] === undefined ? undefined : number('centre', text('centre'), 0, columnsMax),
    rate: number('rate', text('rate'), 0.1, 100_000),
    nodes: whole('nodes', text('nodes'), 1, 16),
    size: whole('size', text('size'), 16, columnsMax),
    angles: whole('angles', text('angles'), 4, 10_000),
    scans: whole('scans', text('scans'), 1, 64),
    rows: whole('rows', text('rows'), 1, 1_024),
    json: values['json'] === true,
  };
}

function parse(args: readonly string[]): Record<string, string | boolean | undefined> {
  const option = (defaultValue?: string) => ({
    type: 'string' as const,
    ...(defaultValue === undefined ? {} : { default: defaultValue }),
  });
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        input: option(),
        out: option('out'),
        resource: option('local://'),
        mode: option('accurate'),
        filter: option('shepp'),
        centre: option(),
        rate: option('100'),
        nodes: option('2'),
        size: option('256'),
        angles: option('180'),
        scans: option('4'),
        rows: option('16'),
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return values;
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function number(name: string, text: string, min: number, max: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= min && value <= max)) throw usage(`--${name} is "${text}"; it is a number from ${min} to ${max}`);
  return value;
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = number(name, text, min, max);
  if (!Number.isInteger(value)) throw usage(`--${name} is "${text}"; it is a whole number from ${min} to ${max}`);
  return value;
}

function usage(message: string): PlatformError {
  return new PlatformError('usage', message, { hint: 'npm run demo -- --help shows all options.' });
}
