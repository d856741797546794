// Finds the peaks of diffraction frames. Takes scan.<id>.frame as detectors send them (or any frame with the same headers), publishes
// peaks.<id>: the frame's part and its peaks as JSON, the strongest first. Darks, flats and end markers are passed over. Called with a NumPy
// array, (rows, columns) or (frames, rows, columns), it answers with the peaks of each frame.
import { defineFunction, type FunctionContext, type FunctionEvent, Output, Reject } from 'pilotfish/sdk';
import { FormatError } from '../formats/errors.ts';
import { decodeNpy, isNpy } from '../formats/npy.ts';
import { ExcessKernel, findPeaks, InputError, type PeakOptions } from '../kernels/index.ts';
import excess from '../kernels/peaks/module.js';
import { type Frame, frameValues } from '../sources/frame.ts';
import { FrameHeaderError, parseFrameHeaders } from '../sources/frame-headers.ts';

const kernel = new ExcessKernel(excess);

export default defineFunction({
  handle(event, ctx) {
    try {
      return isNpy(event.data) ? peaksOfArray(event, ctx) : peaksOfFrame(event, ctx);
    } catch (error) {
      const kinds = [InputError, FrameHeaderError, FormatError, RangeError];
      if (error instanceof Error && kinds.some((kind) => error instanceof kind))
        throw new Reject(error.message, { cause: error });
      throw error;
    }
  },
});

function peaksOfFrame(event: FunctionEvent, ctx: FunctionContext): Output | undefined {
  const headers = parseFrameHeaders((name) => event.headers[name]);
  if (headers.kind !== 'projection') return undefined;
  const [, scan = 'scan'] = event.subject.split('.');
  const frame = { scan, data: event.data, ...headers } as Frame;
  const peaks = findPeaks(frameValues(frame), headers, optionsOf(ctx.config));
  const found = peaks.map((peak) => ({ ...peak }));
  return new Output(
    { scan, index: headers.index, theta: headers.theta ?? null, peaks: found },
    { subject: `peaks.${scan}` },
  );
}

/** Headers say otherwise than `config`: `-H threshold=8`. */
function peaksOfArray({ data, headers }: FunctionEvent, ctx: FunctionContext) {
  const { shape, values } = decodeNpy(data, 'the array of frames');
  const [columns = 0, rows = 0, frames = 1, ...more] = shape.toReversed();
  if (rows * columns * frames === 0 || more.length > 0)
    throw new InputError('length', `the array has the shape (${shape.join(', ')}); a frame is (rows, columns).`);
  const options = optionsOf({ ...ctx.config, ...headers });
  return Array.from({ length: frames }, (_, index) => {
    const frame = values.subarray(index * rows * columns, (index + 1) * rows * columns);
    return { index, peaks: findPeaks(frame, { rows, columns }, options).map((peak) => ({ ...peak })) };
  });
}

function optionsOf(settings: Readonly<Record<string, unknown>>): PeakOptions {
  const option = (name: string): number | undefined =>
    settings[name] === undefined ? undefined : Number(settings[name]);
  return {
    threshold: option('threshold'),
    pixelsMin: option('pixelsMin'),
    pixelsMax: option('pixelsMax'),
    tile: option('tile'),
    kernel,
  };
}
