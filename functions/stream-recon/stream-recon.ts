// Previews of a scan while it arrives: each frame of scan.<id>.frame is added to a picture in memory (GridRec's grid, or one OSEM step a group),
// and ortho-slices go to preview.<id>.xy, .xz and .yz each `every` projections, at the end marker, and when asked by any event on
// scan.<id>.preview. Frames of a scan come in order, to one instance (`order` in the manifest). What it holds is lost with that instance, but for
// the mean dark and flat frames: the next one goes on with the projections that come then and says how many are missing. The final slices are gridrec's, which loses nothing.
import { defineFunction, type FunctionContext, type FunctionEvent, outputs, Reject } from 'pilotfish/sdk';
import { InputError } from '../kernels/index.ts';
import kernel from '../kernels/iterative/module.js';
import { FilesError, fileOptionsOf, sliceOutput, writeSliceFiles } from '../results/index.ts';
import { FrameHeaderError, frameValues, parseFrameHeaders } from '../sources/messages.ts';
import { ScanStream, type StreamOptions } from './scan-stream.ts';

/** Scans at a time in one instance; the one that was silent longest gives way. */
const scansMax = 4;
/** Of a value of the state (1 MiB): 32 rows of 8,192 columns. */
const fieldBytesMax = 2 ** 20;

const scans = new Map<string, ScanStream>();

export default defineFunction({
  async handle(event, ctx) {
    const [, scanId = '', kind] = event.subject.split('.');
    try {
      if (kind === 'preview') return previewOf(scanId, ctx);
      return await addFrame(scanId, event, ctx);
    } catch (error) {
      const isInput = error instanceof InputError || error instanceof FrameHeaderError || error instanceof FilesError;
      if (isInput || error instanceof RangeError) throw new Reject(error.message, { cause: error });
      throw error;
    }
  },
  dispose: () => scans.clear(),
});

async function addFrame(scanId: string, event: FunctionEvent, ctx: FunctionContext) {
  const frame = parseFrameHeaders((name) => event.headers[name]);
  const values = frame.kind === 'end' ? new Float32Array(0) : frameValues({ ...frame, data: event.data });
  const stream = streamOf(scanId, frame, ctx);
  if (frame.kind === 'projection') await inheritField(scanId, stream, ctx);
  const added = stream.add(frame, values);
  if (frame.kind === 'dark' || frame.kind === 'flat') await shareMean(scanId, stream, frame.kind, ctx);
  const every = wholeOf(ctx, 'every', 30, 65_536);
  const isDue = frame.kind === 'end' ? stream.seen > 0 : added && stream.seen % every === 0;
  const result = isDue ? previewOf(scanId, ctx) : undefined;
  if (frame.kind === 'end') {
    scans.delete(scanId);
    for (const kind of fieldKinds) await ctx.state.delete(meanKey(scanId, kind));
  }
  return result;
}

const fieldKinds = ['dark', 'flat'] as const;
type FieldKind = (typeof fieldKinds)[number];

const meanKey = (scanId: string, kind: FieldKind) => `${kind}.${scanId}`;

/**
 * What darks and flats have come to so far is written down with each of them, for the instance that may have to go on. Means over
 * the bound are not: then the rest of a scan is refused there, with the reason.
 */
async function shareMean(scanId: string, stream: ScanStream, kind: FieldKind, ctx: FunctionContext): Promise<void> {
  const mean = stream.meanOf(kind);
  if (mean && mean.byteLength <= fieldBytesMax)
    await ctx.state.set(meanKey(scanId, kind), Buffer.from(mean.buffer, mean.byteOffset, mean.byteLength));
}

async function inheritField(scanId: string, stream: ScanStream, ctx: FunctionContext): Promise<void> {
  if (stream.seen > 0 || stream.field) return;
  for (const kind of fieldKinds) {
    const stored = await ctx.state.get(meanKey(scanId, kind));
    if (stored?.value.byteLength !== 4 * stream.rows.length * stream.columns) continue;
    stream.inherit(kind, new Float32Array(Uint8Array.from(stored.value).buffer));
  }
  if (stream.field) ctx.log.info('goes on with a scan that another instance began', { scan: scanId });
}

function streamOf(
  scanId: string,
  shape: { readonly rows: number; readonly columns: number },
  ctx: FunctionContext,
): ScanStream {
  const known = scans.get(scanId);
  if (known) {
    // Last used, last dropped.
    scans.delete(scanId);
    scans.set(scanId, known);
    return known;
  }
  const [oldest] = scans.keys();
  if (scans.size >= scansMax && oldest !== undefined) {
    scans.delete(oldest);
    ctx.log.warn('too many scans at a time: one is dropped', { dropped: oldest, scansMax });
  }
  const made = new ScanStream(shape, optionsOf(ctx));
  scans.set(scanId, made);
  return made;
}

function previewOf(scanId: string, ctx: FunctionContext) {
  const stream = scans.get(scanId);
  if (!stream || stream.seen === 0) {
    ctx.log.info('nothing to show yet', { scan: scanId });
    return undefined;
  }
  const { algorithm, filter } = optionsOf(ctx);
  const provenance = {
    function: ctx.function,
    centre: { value: stream.centre, from: ctx.config['centre'] === undefined ? 'middle' : 'config' },
    frames: stream.used,
    missing: stream.missing,
    recon: algorithm === 'gridrec' ? `streaming gridrec filter=${filter}` : 'streaming osem',
  };
  const files = fileOptionsOf(ctx.config['files']);
  const cuts = Object.entries(stream.preview());
  return outputs(
    cuts.map(([name, { rows, columns, values }]) => {
      const grid = { rows, columns };
      // The three cuts differ in shape, so they are pictures of a folder, never one stack.
      if (files) {
        const scan = `${scanId}-${name}`;
        writeSliceFiles(files, { scan, row: 0, rows: 1, grid, values, provenance });
      }
      return sliceOutput(values, `preview.${scanId}.${name}`, grid, provenance);
    }),
  );
}

function optionsOf(ctx: FunctionContext): StreamOptions {
  const algorithm = ctx.config['algorithm'] ?? 'gridrec';
  if (algorithm !== 'gridrec' && algorithm !== 'osem') {
    throw new RangeError(`algorithm is ${JSON.stringify(algorithm)}; give gridrec or osem`);
  }
  const centre = ctx.config['centre'];
  if (centre !== undefined && typeof centre !== 'number')
    throw new RangeError(`centre is ${JSON.stringify(centre)}; give a column`);
  return {
    algorithm,
    filter: String(ctx.config['filter'] ?? 'shepp'),
    centre,
    window: wholeOf(ctx, 'window', 180, 65_536),
    group: wholeOf(ctx, 'group', 10, 65_536),
    rowsMax: wholeOf(ctx, 'rows', 16, 16_384),
    kernel,
  };
}

function wholeOf(ctx: FunctionContext, name: string, standard: number, most: number): number {
  const value = ctx.config[name] ?? standard;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new RangeError(`${name} is ${JSON.stringify(value)}; give a whole number from 1 to ${most}`);
}
