// `npm run recon`: reconstructs a file without a pilot. options.ts is the command line, read-scan.ts the input, run.ts the rest.
import { stderr, stdout } from 'node:process';
import { FormatError } from '../formats/index.ts';
import fbp from '../kernels/fbp/module.js';
import gridrec from '../kernels/gridrec/module.js';
import { InputError } from '../kernels/index.ts';
import iterative from '../kernels/iterative/module.js';
import rings from '../kernels/rings/module.js';
import lines from '../kernels/scan/module.js';
import { parseReconOptions, reconHelp, UsageError } from './options.ts';
import { runRecon } from './run.ts';

/** As in the first README. */
const exitCodes = { ok: 0, failed: 1, usage: 2, invalid: 3 } as const;

async function main(args: readonly string[]): Promise<number> {
  const options = parseReconOptions(args);
  if (options === undefined) {
    stdout.write(reconHelp);
    return exitCodes.ok;
  }
  const report = await runRecon(options, {
    kernels: options.plain ? {} : { gridrec, iterative, fbp, rings, lines },
    warn: (text) => stderr.write(`recon: warning: ${text}\n`),
  });
  const { shape, algorithm, mode, centre, seconds, angles, out } = report;
  const [slices, rows, columns] = shape;
  const axis = centre === undefined ? 'an axis a slice' : `axis at column ${centre.toFixed(2)}`;
  stderr.write(
    `recon: ${slices} slices of ${rows} x ${columns} from ${angles} angles, ${algorithm} ${mode}, ${axis}, ${seconds.toFixed(2)} s\n`,
  );
  stdout.write(`${options.json ? JSON.stringify(report) : out}\n`);
  return exitCodes.ok;
}

/** What went wrong, where, and what to do next. */
function explain(error: unknown): number {
  const message = error instanceof Error ? error.message : String(error);
  const text =
    error instanceof RangeError ? `${message}. Bin the frames, or give fewer slices or a smaller --grid.` : message;
  stderr.write(`recon: ${text}\n`);
  if (error instanceof UsageError) {
    stderr.write('next: npm run recon -- --help\n');
    return exitCodes.usage;
  }
  return error instanceof InputError || error instanceof FormatError ? exitCodes.invalid : exitCodes.failed;
}

process.exitCode = await main(process.argv.slice(2)).catch(explain);
