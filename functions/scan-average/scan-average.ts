// A look at a scan while it is taken: the mean of its projections so far goes to average.<id> each `every` projections, and once more, as the
// result, when the scan ends. A shutter that is closed, a beam that hits the edge or a sample out of the field of view shows in the first one.
// It is a streaming gather: no state of its own to keep. Where its instance is lost, the next one reads the scan from its first frame, makes the
// same pictures under the same ids, which the stream drops, and goes on: the last picture is of every frame, once.
import { defineFunction, Output, type Part, Reject } from 'pilotfish/sdk';
import { InputError } from '../kernels/index.ts';
import { FrameHeaderError, frameValues, parseFrameHeaders } from '../sources/messages.ts';
import { type AveragePicture, RunningAverage } from './running-average.ts';

export default defineFunction({
  async handle(event, ctx) {
    if (!event.parts) throw new Reject('it takes the frames of a scan: publish them on scan.<id>.frame');
    const every = Number(ctx.config['every'] ?? 20);
    if (!Number.isInteger(every) || every < 1) throw new Reject(`config.every is ${every}, a whole number is expected`);
    let average: RunningAverage | undefined;
    for await (const part of event.parts) {
      average = added(average, part);
      const isDue = part.kind === 'projection' && average.projections % every === 0;
      const picture = isDue ? average.picture() : undefined;
      if (!picture) continue;
      const { data, headers } = messageOf(picture, { 'Pilotfish-Missing': 'unknown' });
      await ctx.publish(`average.${event.parts.key}`, data, { headers });
    }
    const picture = average?.picture();
    if (!picture) throw new Reject('the scan has no projections');
    const missing = Object.values(event.parts.missing).reduce((sum, indexes) => sum + indexes.length, 0);
    const { data, headers } = messageOf(picture, {
      'Pilotfish-Missing': String(missing),
      'Pilotfish-Closed': event.parts.reason,
    });
    return new Output(data, { headers });
  },
});

/** What is wrong with a frame is wrong at every attempt. */
function added(average: RunningAverage | undefined, { headers, data }: Part): RunningAverage {
  try {
    const frame = parseFrameHeaders((name) => headers[name]);
    const sums = average ?? new RunningAverage(frame);
    sums.add(frame, frameValues({ ...frame, data }));
    return sums;
  } catch (error) {
    const isInput = error instanceof InputError || error instanceof FrameHeaderError || error instanceof RangeError;
    throw isInput ? new Reject(error.message, { cause: error }) : error;
  }
}

function messageOf({ rows, columns, values, unit, frames }: AveragePicture, more: Record<string, string>) {
  const shape = { 'Pilotfish-Shape': `${rows},${columns}`, 'Pilotfish-Dtype': 'f32' };
  const headers = { ...shape, 'Pilotfish-Unit': unit, 'Pilotfish-Frames': String(frames), ...more };
  return { data: new Uint8Array(values.buffer), headers };
}
