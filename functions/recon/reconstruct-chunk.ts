// What every reconstructing function does with a chunk of a scan's rows: collect the frames, find the axis, reconstruct, one event a slice.
import { type FunctionContext, type FunctionEvent, outputs, Reject } from 'pilotfish/sdk';
import { circularMask, findCentre, InputError, maskRatioDefault, type Scan, scanDoubts } from '../kernels/index.ts';
import lineKernel from '../kernels/scan/module.js';
import { chunkOutputs, FilesError } from '../results/index.ts';
import { FrameHeaderError } from '../sources/messages.ts';
import { CollectError, collectChunk } from './collect.ts';
import { notArrays } from './reconstruct-arrays.ts';

export interface ChunkMethod {
  /** First token of the results' subjects: <subject>.<scan>.<row>. */
  readonly subject: string;
  /** gridrec.as.ts, compiled: the axis is searched for with it. */
  readonly searchKernel: WebAssembly.Module;
  /** Where the algorithm counts the axis from, beyond the sample index: half a column for those that follow rays. */
  readonly axisOffset: number;
  /** Slices x columns x columns, and the parameters in words. Throws `InputError`. */
  reconstruct(scan: Scan & { readonly centre: number }): { readonly values: Float32Array; readonly recon: string };
}

/** Throws `Reject` for what stays wrong however often it is tried. */
export async function reconstructChunk(event: FunctionEvent, ctx: FunctionContext, method: ChunkMethod) {
  const { parts } = event;
  if (!parts) throw notArrays(event, ctx.function.name);
  const [scanId = ''] = parts.key.split('.');
  try {
    const { scan, firstRow, frames } = await collectChunk(parts, parts.counts['projection'] ?? 0, lineKernel);
    const centre = centreOf(scan, ctx.config['centre'], method.searchKernel, (reason) =>
      ctx.log.warn(`no rotation axis found: ${reason}; taking the middle`, { scan: scanId, firstRow }),
    );
    const { values, recon } = method.reconstruct({ ...scan, centre: centre.value + method.axisOffset });
    const grid = { rows: scan.columns, columns: scan.columns };
    const maskRatio = maskRatioOf(ctx.config['maskRatio']);
    if (maskRatio !== undefined) circularMask(values, grid, maskRatio);
    const { slices } = scan;
    // For people: the axis is known to a hundredth of a pixel at best. The slices' headers have it as it was computed.
    const column = Math.round(centre.value * 100) / 100;
    ctx.log.info('chunk reconstructed', { scan: scanId, firstRow, slices, frames, centre: column });
    const missing = Object.values(parts.missing).reduce((sum, indexes) => sum + indexes.length, 0);
    const doubts = scanDoubts(scan);
    for (const doubt of doubts) ctx.log.warn(doubt, { scan: scanId, firstRow });
    const provenance = { function: ctx.function, centre, frames, missing, recon, doubts };
    const chunk = { scan: scanId, subject: method.subject, firstRow, slices, grid, values, provenance };
    return outputs(chunkOutputs(chunk, ctx.config));
  } catch (error) {
    // What is wrong with the input stays wrong: the dead letter says what it is.
    const kinds = [InputError, CollectError, FilesError, FrameHeaderError, RangeError];
    if (error instanceof Error && kinds.some((kind) => error instanceof kind))
      throw new Reject(error.message, { cause: error });
    throw error;
  }
}

/** 0 means that nothing is masked. */
function maskRatioOf(configured: unknown): number | undefined {
  if (configured === undefined) return maskRatioDefault;
  if (typeof configured !== 'number' || !(configured >= 0))
    throw new RangeError(`maskRatio is ${JSON.stringify(configured)}; give a part of the width, 0 for no mask`);
  return configured || undefined;
}

/** The configured axis, or the one found; on failure the detector's middle, and it is said so. */
function centreOf(
  scan: Scan,
  configured: unknown,
  kernel: WebAssembly.Module,
  onFailure: (reason: string) => void,
): { readonly value: number; readonly from: string } {
  if (typeof configured === 'number') return { value: configured, from: 'config' };
  if (configured !== undefined) throw new RangeError(`centre is ${JSON.stringify(configured)}; give a column`);
  const found = findCentre(scan, kernel);
  if (found.kind === 'found') return { value: found.centre, from: 'entropy' };
  onFailure(found.reason);
  return { value: found.centre, from: 'middle' };
}
