// Reconstructs a sinogram that comes as one message (sinogram.<scan>.<chunk>): no gather, any algorithm. It is f32 with headers, as the
// lightsource sends it, or NumPy arrays one after the other (S.npy, T.npy). Publishes each slice as slices.<scan>.<row>: f32, columns x columns;
// `config.files` has files written besides. Called with arrays it answers with arrays.
import { defineFunction, type FunctionEvent, outputs, Reject } from 'pilotfish/sdk';
import { FormatError } from '../formats/errors.ts';
import { isNpy } from '../formats/npy.ts';
import fbp from '../kernels/fbp/module.js';
import gridrec from '../kernels/gridrec/module.js';
import { InputError, ReconstructorCache, type Scan } from '../kernels/index.ts';
import iterative from '../kernels/iterative/module.js';
import { type Algorithm, type MethodName, methodOptionsOf, UsageError } from '../recon/method-options.ts';
import { arraysOf, describeMethod, isArrayCall, optionText, reconstructArrays } from '../recon/reconstruct-arrays.ts';
import { reconstructScan } from '../recon/reconstruct-scan.ts';
import { chunkOutputs, FilesError } from '../results/index.ts';
import { FrameHeaderError, firstRowHeader, firstRowOf, parseSinogramHeaders } from '../sources/messages.ts';

const kernels = { gridrec, cache: new ReconstructorCache(gridrec), fbp, iterative };

export default defineFunction({
  handle(event, ctx) {
    const algorithm = ctx.config['algorithm'] ?? 'gridrec';
    if (event.subject === '' && isArrayCall(event)) {
      const named = (event.headers['algorithm'] ?? algorithm) as Algorithm;
      return reconstructArrays(event, ctx, { algorithm: named, kernels, axisOffset: 0 });
    }
    const started = performance.now();
    const [, scanId = 'scan'] = event.subject.split('.');
    try {
      const given = (name: MethodName) => (name === 'algorithm' ? String(algorithm) : optionText(ctx.config, name));
      const options = methodOptionsOf(given, (name) => name);
      const { scan, firstRow } = scanOf(event);
      const doubts: string[] = [];
      const done = reconstructScan(options, scan, { kernels, warn: (text) => doubts.push(text) });
      for (const doubt of doubts) ctx.log.warn(doubt, { scan: scanId, firstRow });
      const provenance = {
        function: ctx.function,
        centre: { value: done.centre as number, from: options.centre === undefined ? 'middle' : 'config' },
        frames: scan.angles,
        missing: 0,
        recon: describeMethod(options, scan.angles),
        doubts,
        tookMs: performance.now() - started,
      };
      const { values, grid } = done;
      const chunk = { scan: scanId, subject: 'slices', firstRow, slices: scan.slices, grid, values, provenance };
      return outputs(chunkOutputs(chunk, ctx.config));
    } catch (error) {
      const kinds = [InputError, FrameHeaderError, FilesError, FormatError, UsageError, RangeError];
      if (error instanceof Error && kinds.some((kind) => error instanceof kind))
        throw new Reject(error.message, { cause: error });
      throw error;
    }
  },
});

function scanOf(event: FunctionEvent): { readonly scan: Scan; readonly firstRow: number } {
  if (isNpy(event.data)) {
    const { scan, centres } = arraysOf(event.data);
    if (centres)
      throw new InputError('centre', 'an event has one axis for all slices, in `config`; a call may have a list.');
    return { scan, firstRow: firstRowOf(event.headers[firstRowHeader]) };
  }
  const { rows, columns, theta, firstRow } = parseSinogramHeaders((name) => event.headers[name]);
  const sinogram = valuesOf(event.data, rows * theta.length * columns);
  return { scan: { sinogram, slices: rows, angles: theta.length, columns, theta }, firstRow };
}

function valuesOf(data: Uint8Array, expected: number): Float32Array {
  if (data.byteLength !== expected * 4) {
    throw new RangeError(`the sinogram has ${data.byteLength} bytes; its shape needs ${expected * 4}`);
  }
  const { buffer, byteOffset } = data.byteOffset % 4 === 0 ? data : new Uint8Array(data);
  return new Float32Array(buffer, byteOffset, expected);
}
