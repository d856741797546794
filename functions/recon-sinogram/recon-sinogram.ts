// Reconstructs a sinogram that comes as one message (sinogram.<scan>.<chunk>, as the lightsource sends them): no gather, any algorithm. Publishes
// each slice as slices.<scan>.<row>: f32, columns x columns; `config.files` has files written besides.
import { defineFunction, outputs, Reject } from 'pilotfish/sdk';
import fbpKernel from '../kernels/fbp/module.js';
import gridrecKernel from '../kernels/gridrec/module.js';
import {
  type GridrecMode,
  InputError,
  type IterativeAlgorithm,
  iterativeAlgorithms,
  ReconstructorCache,
  reconstruct,
  reconstructFbp,
  reconstructIterative,
  type Scan,
  scanDoubts,
} from '../kernels/index.ts';
import iterativeKernel from '../kernels/iterative/module.js';
import { chunkOutputs, FilesError } from '../results/index.ts';
import { FrameHeaderError, parseSinogramHeaders } from '../sources/messages.ts';

const cache = new ReconstructorCache(gridrecKernel);
const algorithms = ['gridrec', 'fbp', ...iterativeAlgorithms] as const;

export default defineFunction({
  handle(event, ctx) {
    const started = performance.now();
    const [, scanId = 'scan'] = event.subject.split('.');
    const algorithm = algorithms.find((name) => name === (ctx.config['algorithm'] ?? 'gridrec'));
    if (!algorithm)
      throw new Reject(`algorithm is "${String(ctx.config['algorithm'])}"; give one of ${algorithms.join(', ')}`);
    try {
      const { rows, columns, theta, firstRow } = parseSinogramHeaders((name) => event.headers[name]);
      const sinogram = valuesOf(event.data, rows * theta.length * columns);
      const scan: Scan = { sinogram, slices: rows, angles: theta.length, columns, theta };
      const { values, recon } = run(algorithm, scan, ctx.config);
      const doubts = scanDoubts(scan);
      for (const doubt of doubts) ctx.log.warn(doubt, { scan: scanId, firstRow });
      const provenance = {
        function: ctx.function,
        centre: centreOf(columns, ctx.config['centre']),
        frames: theta.length,
        missing: 0,
        recon,
        doubts,
        tookMs: performance.now() - started,
      };
      const grid = { rows: columns, columns };
      const chunk = { scan: scanId, subject: 'slices', firstRow, slices: rows, grid, values, provenance };
      return outputs(chunkOutputs(chunk, ctx.config));
    } catch (error) {
      const isInput = error instanceof InputError || error instanceof FrameHeaderError || error instanceof FilesError;
      if (isInput || error instanceof RangeError) throw new Reject(error.message, { cause: error });
      throw error;
    }
  },
});

/** Slices x columns x columns, and the parameters in words. */
function run(
  algorithm: 'gridrec' | 'fbp' | IterativeAlgorithm,
  scan: Scan,
  config: Readonly<Record<string, unknown>>,
): { readonly values: Float32Array; readonly recon: string } {
  const configured = config['centre'];
  if (configured !== undefined && typeof configured !== 'number')
    throw new RangeError(`centre is ${JSON.stringify(configured)}; give a column`);
  const centre = configured === undefined ? {} : { centre: configured };
  const filter = String(config['filter'] ?? 'shepp');
  if (algorithm === 'gridrec') {
    const mode = String(config['mode'] ?? 'accurate') as GridrecMode;
    const values = reconstruct({ ...scan, ...centre, filter, cache, mode });
    return { values, recon: `gridrec mode=${mode} filter=${filter}` };
  }
  if (algorithm === 'fbp') {
    return { values: reconstructFbp({ ...scan, ...centre, filter, kernel: fbpKernel }), recon: `fbp filter=${filter}` };
  }
  const iterations = Number(config['iterations'] ?? 10);
  const values = reconstructIterative({ ...scan, ...centre, algorithm, iterations, kernel: iterativeKernel });
  return { values, recon: `${algorithm} iterations=${iterations}` };
}

/** Where the kernels take it, unless the manifest says otherwise. */
function centreOf(columns: number, configured: unknown): { readonly value: number; readonly from: string } {
  return configured === undefined
    ? { value: columns / 2, from: 'middle' }
    : { value: Number(configured), from: 'config' };
}

function valuesOf(data: Uint8Array, expected: number): Float32Array {
  if (data.byteLength !== expected * 4) {
    throw new RangeError(`the sinogram has ${data.byteLength} bytes; its shape needs ${expected * 4}`);
  }
  const { buffer, byteOffset } = data.byteOffset % 4 === 0 ? data : new Uint8Array(data);
  return new Float32Array(buffer, byteOffset, expected);
}
