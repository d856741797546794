// The functions that follow rays: mlem (osem where blocks are configured) and sirt.
import type { FunctionContext, FunctionEvent } from 'pilotfish/sdk';
import gridrecKernel from '../kernels/gridrec/module.js';
import { type IterativeAlgorithm, reconstructIterative } from '../kernels/index.ts';
import kernel from '../kernels/iterative/module.js';
import { isArrayCall, reconstructArrays } from './reconstruct-arrays.ts';
import { reconstructChunk } from './reconstruct-chunk.ts';

/** Rays count columns from the detector's edge. */
const axisOffset = 0.5;
const kernels = { iterative: kernel, gridrec: gridrecKernel };

export function reconstructIteratively(event: FunctionEvent, ctx: FunctionContext, algorithm: 'mlem' | 'sirt') {
  if (isArrayCall(event)) return reconstructArrays(event, ctx, { algorithm, kernels, axisOffset });
  const iterations = Number(ctx.config['iterations'] ?? 10);
  const blocks = Number(ctx.config['blocks'] ?? 1);
  const method: IterativeAlgorithm = algorithm === 'mlem' && blocks > 1 ? 'osem' : algorithm;
  return reconstructChunk(event, ctx, {
    subject: algorithm,
    searchKernel: gridrecKernel,
    axisOffset,
    reconstruct: (scan) => ({
      values: reconstructIterative({ ...scan, algorithm: method, iterations, blocks, order: 'interleaved', kernel }),
      recon: `${method} iterations=${iterations}${method === 'osem' ? ` blocks=${blocks}` : ''}`,
    }),
  });
}
