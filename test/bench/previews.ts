/**
 * How soon a preview shows what the scan will show: a scan arrives on a pilot frame by frame, in order and interleaved, and `stream-recon` shows it by
 * GridRec and by OSEM. Each preview against the last one of its run (PSNR; its range is that picture's), and how long after the frame it was stored.
 * The phantom, or a real scan with `--input` and its axis with `--centre`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encodePng } from '../../functions/formats/index.ts';
import { measureQuality } from '../../functions/phantom/index.ts';
import { deployFolder, FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';
import type { BenchReport } from './report.ts';
import type { BenchOptions } from './run.ts';

const functions = join(import.meta.dirname, '../../functions');
const algorithms = ['gridrec', 'osem'] as const;
const orders = ['linear', 'interleaved'] as const;
const every = 20;
/** A detector's frames a second; the previews must keep up with it. */
const rate = '60/s';
const waitMs = 120_000;

interface Preview {
  readonly frames: number;
  readonly values: Float32Array;
  readonly columns: number;
  /** Stored so long after the projection, or the end marker, that asked for it. */
  readonly lateMs: number;
}

export async function benchPreviews({ input, centre, out }: BenchOptions): Promise<BenchReport> {
  await using pilot = await TestPilot.start({ nodes: 1, coresPerNode: 3, storeSize: '2GiB' });
  using folder = new FunctionFolder();
  const path = folder.write('previews', '');
  const manifests = Object.fromEntries(algorithms.map((each) => [`preview-${each}`, manifestOf(each, centre)]));
  writeFileSync(join(path, 'pilotfish.yaml'), JSON.stringify({ functions: manifests }));
  await deployFolder(pilot, path);
  const rows: object[] = [];
  const lines = ['algorithm  order        frames  PSNR dB  after the frame'];
  for (const algorithm of algorithms) {
    for (const order of orders) {
      const shown = await runScan(pilot, `${algorithm}-${order}`, [`order=${order}`, ...scanSettings(input)]);
      for (const preview of shown) {
        const { frames, lateMs } = preview;
        const psnr = psnrOf(preview, shown.at(-1) as Preview);
        rows.push({ name: 'preview', algorithm, order, frames, psnr, lateMs });
        const words = [algorithm.padEnd(9), order.padEnd(11), String(frames).padStart(6), psnr.toFixed(1).padStart(7)];
        lines.push(`${words.join('  ')}  ${lateMs.toFixed(0).padStart(12)} ms`);
        if (out !== undefined) writePicture(join(out, `${algorithm}-${order}-${frames}.png`), preview);
      }
    }
  }
  return { rows, text: lines.join('\n') };
}

/** A scan is of one algorithm: its name begins with it. */
function manifestOf(algorithm: string, centre: number | undefined) {
  const subjects = orders.map((order) => `scan.${algorithm}-${order}.frame`);
  return {
    entry: join(functions, 'stream-recon/stream-recon.ts'),
    on: [{ subject: 'scan.*.*', filter: { subjects } }],
    order: { key: '{1}' },
    resources: { memory: '1GiB' },
    scale: { min: 1, max: 1 },
    config: { algorithm, every, window: 65_536, rows: 2, group: 10, ...(centre === undefined ? {} : { centre }) },
  };
}

const scanSettings = (input: string | undefined) =>
  input === undefined ? ['rows=2', 'columns=256', 'angles=180', 'prepare=true'] : [`file=${input}`];

/** Sends a scan; its previews in the order in which they were shown, up to the one at the end marker. */
async function runScan(pilot: TestPilot, name: string, settings: readonly string[]): Promise<Preview[]> {
  await using viewer = await pilot.events('viewer');
  const signal = AbortSignal.timeout(waitMs);
  const frames = await viewer.read(`scan.${name}.frame`, { headersOnly: true, signal });
  const previews = await viewer.read(`preview.${name}.xy`, { signal });
  const set = [`name=${name}`, ...settings].flatMap((setting) => ['--set', setting]);
  const sending = pilot.cli(['source', 'run', 'lightsource', ...set, '--rate', rate]);
  const stored: number[] = [];
  let endAt = 0;
  for await (const { headers, time } of frames) {
    const part = headers['Pilotfish-Part'] ?? '';
    if (part.startsWith('projection')) stored.push(time.getTime());
    endAt = time.getTime();
    if (part === 'end') break;
  }
  const { code, stderr } = await sending;
  if (code !== 0) throw new Error(`the source failed:\n${stderr}`);
  const shown: Preview[] = [];
  for await (const { headers, data, time } of previews) {
    const used = Number(headers['Pilotfish-Frames']);
    // OSEM shows whole groups: it may be asked at a projection that it has not used yet. Previews come each `every` of them.
    const asked = stored[(shown.length + 1) * every - 1];
    const values = new Float32Array(Uint8Array.from(data).buffer);
    const columns = Number(headers['Pilotfish-Shape']?.split(',')[1]);
    shown.push({ frames: used, values, columns, lateMs: time.getTime() - (asked ?? endAt) });
    if (asked === undefined) break;
  }
  return shown;
}

function psnrOf({ values, columns }: Preview, last: Preview): number {
  const range = Math.max(...rowsOf(last, Math.max)) - Math.min(...rowsOf(last, Math.min));
  return measureQuality(values, last.values, { columns, range }).psnr;
}

/** A value a row: all of a picture at once are too many arguments. */
function rowsOf({ values, columns }: Preview, pick: (...row: number[]) => number): number[] {
  return Array.from({ length: values.length / columns }, (_, row) =>
    pick(...values.subarray(row * columns, (row + 1) * columns)),
  );
}

function writePicture(path: string, { values, columns }: Preview): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, encodePng(values, { width: columns, height: columns }));
}
