// Finds the peaks of diffraction frames. Takes scan.<id>.frame as detectors send them (or any frame with the same headers), publishes
// peaks.<id>: the frame's part and its peaks as JSON, the strongest first. Darks, flats and end markers are passed over.
import { defineFunction, Output, Reject } from 'pilotfish/sdk';
import { ExcessKernel, findPeaks, InputError } from '../kernels/index.ts';
import excess from '../kernels/peaks/module.js';
import { type Frame, frameValues } from '../sources/frame.ts';
import { FrameHeaderError, parseFrameHeaders } from '../sources/frame-headers.ts';

const kernel = new ExcessKernel(excess);

export default defineFunction({
  handle(event, ctx) {
    try {
      const headers = parseFrameHeaders((name) => event.headers[name]);
      if (headers.kind !== 'projection') return undefined;
      const [, scan = 'scan'] = event.subject.split('.');
      const frame = { scan, data: event.data, ...headers } as Frame;
      const option = (name: string): number | undefined =>
        ctx.config[name] === undefined ? undefined : Number(ctx.config[name]);
      const peaks = findPeaks(frameValues(frame), headers, {
        threshold: option('threshold'),
        pixelsMin: option('pixelsMin'),
        pixelsMax: option('pixelsMax'),
        tile: option('tile'),
        kernel,
      });
      return new Output(
        { scan, index: headers.index, theta: headers.theta ?? null, peaks: peaks.map((peak) => ({ ...peak })) },
        { subject: `peaks.${scan}` },
      );
    } catch (error) {
      if (error instanceof InputError || error instanceof FrameHeaderError || error instanceof RangeError)
        throw new Reject(error.message, { cause: error });
      throw error;
    }
  },
});
