// Previews while a scan arrives, and slices as files besides events.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testFunction } from 'pilotfish/testing';
import { decode } from 'tiff';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { measureQuality } from '../../../functions/phantom/index.ts';
import { FilesError, fileOptionsOf, writeSliceFiles } from '../../../functions/results/index.ts';
import { type Frame, frameHeaders, phantomScan, scanOrder } from '../../../functions/sources/index.ts';
import streamRecon from '../../../functions/stream-recon/stream-recon.ts';

// Bundlers compile it; here nobody bundles.
vi.mock('../../../functions/kernels/iterative/module.js', async () => {
  const { loadKernel } = await import('../../harness/kernels.ts');
  return { default: await loadKernel('iterative') };
});

const [rows, columns, angles] = [3, 64, 90];
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-stream-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

let scans = 0;
/** Frames of a phantom, interleaved as a good detector sends them; each scan has a name of its own. */
function scanFrames(leftOut: (frame: Frame) => boolean = () => false) {
  const scan = phantomScan({ scan: `s${scans++}`, rows, columns, angles, seed: 1, darks: 2, flats: 2 });
  const all = [...scan.frames()];
  const order = scanOrder('interleaved', angles);
  const sorted = [...all.slice(0, 4), ...Array.from(order, (at) => all[4 + at] as Frame), all.at(-1) as Frame];
  const events = sorted
    .filter((frame) => !leftOut(frame))
    .map((frame) => ({
      subject: `scan.${scan.metadata.scan}.frame`,
      data: frame.data,
      headers: frameHeaders(frame),
    }));
  return { scan, events, name: scan.metadata.scan };
}

async function run(config: Record<string, unknown>, events: readonly object[]) {
  const tester = testFunction(streamRecon, { config });
  const shown: { subject: string; headers: Readonly<Record<string, string>>; values: Float32Array }[] = [];
  for (const event of events) {
    const outcome = await tester.event(event);
    if (outcome.kind !== 'done') throw new Error(`${outcome.kind}: ${String((outcome as { error: unknown }).error)}`);
    for (const { subject = '', headers, data } of outcome.outputs) {
      shown.push({ subject, headers, values: new Float32Array(Uint8Array.from(data).buffer) });
    }
  }
  return shown;
}

describe('stream-recon', () => {
  it.each([
    ['gridrec', 26],
    ['osem', 17.5],
  ] as const)('shows ortho-slices each so many projections, better and better: %s', async (algorithm, psnrMin) => {
    const { scan, events, name } = scanFrames();
    const shown = await run({ algorithm, every: 30, window: angles, group: 10, rows: 3 }, events);
    // Three previews by count, one at the end marker.
    expect(shown.map(({ subject }) => subject)).toEqual(
      Array.from({ length: 4 }, () => ['xy', 'xz', 'yz'].map((cut) => `preview.${name}.${cut}`)).flat(),
    );
    const { truthScale: scale } = scan;
    const psnr = (at: number) =>
      measureQuality(shown[at]?.values ?? new Float32Array(0), scan.truth(1), { columns, scale }).psnr;
    expect(psnr(9)).toBeGreaterThan(psnr(0));
    expect(psnr(9), String([0, 3, 6, 9].map(psnr))).toBeGreaterThan(psnrMin);
    expect(shown[9]?.headers).toMatchObject({
      'Pilotfish-Shape': '64,64',
      'Pilotfish-Frames': '90',
      'Pilotfish-Missing': '0',
      'Pilotfish-Function': 'test@1',
    });
    expect(shown[10]?.headers['Pilotfish-Shape']).toBe('3,64');
  });

  it('takes what is left of a group into the last picture of osem', async () => {
    const { scan, events } = scanFrames();
    const qualityOf = async (group: number) => {
      const [xy, ...more] = await run({ algorithm: 'osem', every: 1_000, group, rows: 1 }, events);
      expect([xy, ...more].map((shown) => shown?.headers['Pilotfish-Frames'])).toEqual(['90', '90', '90']);
      const values = xy?.values ?? new Float32Array(0);
      return measureQuality(values, scan.truth(1), { columns, scale: scan.truthScale }).psnr;
    };
    // Of 89 and one: a step of a single angle draws its streaks over the picture (14.98 dB).
    expect(await qualityOf(89)).toBeGreaterThan(15.05);
    expect(await qualityOf(11)).toBeGreaterThan(18);
  });

  it.each(['gridrec', 'osem'])('refuses frames that are no counts, and shows the others: %s', async (algorithm) => {
    const { events, name } = scanFrames();
    const tester = testFunction(streamRecon, { config: { algorithm, every: 1_000, group: 10, rows: 1 } });
    const shape = { 'Pilotfish-Shape': `${rows},${columns}`, 'Pilotfish-Dtype': 'f32' };
    const bad = (part: string, value: number, theta = '0.1') => ({
      subject: `scan.${name}.frame`,
      data: new Float32Array(rows * columns).fill(value),
      headers: { ...shape, 'Pilotfish-Part': part, 'Pilotfish-Theta': theta },
    });
    for (const event of events.slice(0, 10)) expect(await tester.event(event)).toMatchObject({ kind: 'done' });
    const refused: [object, RegExp][] = [
      [bad('projection:90', Number.NaN), /The projection frame 90 is NaN/],
      [bad('projection:90', Number.NEGATIVE_INFINITY), /The projection frame 90 is -Infinity/],
      [bad('projection:90', 1, '45'), /look like degrees/],
      [bad('flat:9', Number.POSITIVE_INFINITY), /The flat frame 9 is Infinity/],
    ];
    for (const [event, message] of refused) {
      const outcome = await tester.event(event);
      expect(outcome).toMatchObject({ kind: 'reject', error: { message: expect.stringMatching(message) } });
    }
    for (const event of events.slice(10, -1)) await tester.event(event);
    const [end] = events.slice(-1);
    const last = await tester.event(end as object);
    expect(last).toMatchObject({
      outputs: [{ headers: { 'Pilotfish-Frames': '90', 'Pilotfish-Missing': '0' } }, {}, {}],
    });
  });

  it.each([1, 2, 3, 4, 50])(
    'goes on in another instance with the darks and flats of the one before: after %i events',
    async (before) => {
      const { events, name } = scanFrames();
      const config = { every: 1_000, window: angles, rows: 3 };
      const tester = testFunction(streamRecon, { config });
      for (const event of events.slice(0, before)) expect(await tester.event(event)).toMatchObject({ kind: 'done' });
      // Its memory is gone; the state is the pilot's.
      await tester.dispose();
      for (const event of events.slice(before, -1)) expect(await tester.event(event)).toMatchObject({ kind: 'done' });
      const last = await tester.event(events.at(-1) as object);
      const lost = Math.max(0, before - 4);
      const seen = events.length - 1 - 4 - lost;
      expect(last).toMatchObject({
        outputs: [{ headers: { 'Pilotfish-Frames': String(seen), 'Pilotfish-Missing': String(lost) } }, {}, {}],
      });
      for (const kind of ['dark', 'flat']) expect(await tester.state.get(`${kind}.${name}`)).toBeUndefined();
    },
  );

  it('counts what is missing and what came twice, and shows a picture when asked', async () => {
    const lost = new Set([5, 6, 40]);
    const { events, name } = scanFrames((frame) => frame.kind === 'projection' && lost.has(frame.index));
    const ask = { subject: `scan.${name}.preview`, data: '' };
    const twice = events.slice(0, -1).flatMap((event) => [event, event]);
    const shown = await run({ every: 1_000, window: angles }, [ask, ...twice, ask, ...events.slice(-1)]);
    expect(shown).toHaveLength(6);
    expect(shown[0]?.headers).toMatchObject({ 'Pilotfish-Frames': '87', 'Pilotfish-Missing': '3' });
    expect(shown[3]?.headers).toMatchObject({ 'Pilotfish-Frames': '87', 'Pilotfish-Missing': '3' });
  });

  it('rejects what is no frame of the scan, and settings that cannot be', async () => {
    const { events } = scanFrames();
    const [dark, flat, projection] = [events[0], events[2], events[4]] as [
      object,
      object,
      { headers: Record<string, string> },
    ];
    const outcome = async (config: Record<string, unknown>, ...several: object[]) => {
      const tester = testFunction(streamRecon, { config });
      let last: unknown;
      for (const event of several) last = await tester.event(event);
      await tester.dispose();
      return last;
    };
    expect(await outcome({}, projection)).toMatchObject({
      kind: 'reject',
      error: { message: expect.stringContaining('before any dark') },
    });
    const bent = { ...projection, headers: { ...projection.headers, 'Pilotfish-Shape': '2,96' } };
    expect(await outcome({}, dark, flat, bent)).toMatchObject({ kind: 'reject' });
    expect(await outcome({}, { ...projection, data: 'short' })).toMatchObject({ kind: 'reject' });
    for (const config of [{ algorithm: 'art' }, { every: 0 }, { centre: 'left' }, { centre: 99 }, { window: 1.5 }]) {
      expect(await outcome(config, dark, flat, projection), JSON.stringify(config)).toMatchObject({ kind: 'reject' });
    }
  });

  it('writes pictures and what they are made of', async () => {
    const { events, name } = scanFrames();
    await run({ every: 1_000, window: angles, files: { folder, format: 'tiff', png: true } }, events);
    expect(readdirSync(folder).sort()).toEqual(['xy', 'xz', 'yz'].map((cut) => `${name}-${cut}`));
    const [page] = decode(readFileSync(join(folder, `${name}-xy`, '00000.tif')));
    expect(page).toMatchObject({ width: columns, height: columns });
    expect(
      readFileSync(join(folder, `${name}-xz`, '00000.png'))
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG');
  });
});

describe('writeSliceFiles()', () => {
  const provenance = {
    function: { name: 'gridrec', version: 3, digest: 'abc', instance: 'i', node: 'n1' },
    centre: { value: 32, from: 'config' },
    frames: 90,
    missing: 2,
    recon: 'gridrec mode=accurate',
  };

  it('fills a Zarr v3 stack slice by slice, whole or not at all', () => {
    const options = fileOptionsOf({ folder, format: 'zarr' });
    const values = (row: number) => Float32Array.from({ length: 12 }, (_, i) => row + i / 16);
    for (const row of [1, 0, 1]) {
      writeSliceFiles(options as NonNullable<typeof options>, {
        scan: 'a',
        row,
        rows: 2,
        grid: { rows: 3, columns: 4 },
        values: values(row),
        provenance,
      });
    }
    const stack = join(folder, 'a', 'gridrec.zarr');
    const description = JSON.parse(readFileSync(join(stack, 'zarr.json'), 'utf8')) as Record<string, unknown>;
    expect(description).toMatchObject({ zarr_format: 3, node_type: 'array', shape: [2, 3, 4], data_type: 'float32' });
    for (const row of [0, 1]) {
      const chunk = readFileSync(join(stack, 'c', String(row), '0', '0'));
      expect(new Float32Array(Uint8Array.from(chunk).buffer)).toEqual(values(row));
    }
    const beside = JSON.parse(readFileSync(join(folder, 'a', '00001.json'), 'utf8')) as unknown;
    expect(beside).toMatchObject({
      function: { name: 'gridrec', version: 3, digest: 'abc' },
      framesUsed: 90,
      framesMissing: 2,
    });
    expect(readdirSync(folder, { recursive: true }).filter((name) => String(name).endsWith('.part'))).toEqual([]);
  });

  it('takes only what can be meant', () => {
    expect(fileOptionsOf(undefined)).toBeUndefined();
    expect(fileOptionsOf({ folder: '/x', png: true, window: [0, 0.02] })?.window).toEqual({
      kind: 'fixed',
      low: 0,
      high: 0.02,
    });
    expect(fileOptionsOf({ folder: '/x', percentiles: [1, 99] })?.window).toEqual({
      kind: 'percentile',
      low: 1,
      high: 99,
    });
    for (const files of [
      {},
      { folder: 'relative' },
      { folder: '/x', format: 'hdf5' },
      { folder: '/x', window: [2, 1] },
      { folder: '/x', percentiles: [0, 101] },
      { folder: '/x', window: [0, 1], percentiles: [0, 1] },
      { folder: '/x', png: 'yes' },
      { folder: '/x', colour: true },
    ]) {
      expect(() => fileOptionsOf(files), JSON.stringify(files)).toThrow(FilesError);
    }
    expect(existsSync('/x')).toBe(false);
  });
});
