// Data Exchange files made by h5py: what is read, and what is refused because h5wasm would read it wrongly.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertReadableFilters, FormatError, openDataExchange } from '../../../functions/formats/index.ts';
import { fileScan, frameValues } from '../../../functions/sources/index.ts';
import { dataExchangeFixture } from '../../fixtures/data-exchange.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-hdf5-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

async function refusal(path: string): Promise<FormatError> {
  const error = await openDataExchange(path).catch((reason: unknown) => reason);
  if (error instanceof FormatError) return error;
  throw new Error('the file was taken', { cause: error });
}

describe('openDataExchange()', () => {
  it.each([
    ['plain', 0],
    ['deflate', 0],
    ['rotation', 5],
  ] as const)('reads %s, one frame at a time', async (name, firstDegrees) => {
    using scan = await openDataExchange(write(`${name}.h5`, dataExchangeFixture(name)));
    expect([scan.rows, scan.columns, scan.dtype]).toEqual([2, 64, 'u16']);
    expect(scan.counts).toEqual({ dark: 3, flat: 2, projection: 4 });
    const degrees = Array.from(scan.theta, (angle) => Math.round((angle * 180) / Math.PI));
    expect(degrees).toEqual([0, 45, 90, 135].map((angle) => angle + firstDegrees));
    const expected = Uint16Array.from(
      { length: 128 },
      (_, i) => 3000 + 100 * Math.floor(i / 64) + Math.floor((i % 64) / 8),
    );
    expect(scan.readFrame('projection', 3)).toEqual(expected);
    expect(scan.readFrame('flat', 1)).toEqual(new Uint16Array(128).fill(30_000));
    expect(scan.readFrame('dark', 2)).toEqual(new Uint16Array(128).fill(7));
    expect(() => scan.readFrame('dark', 3)).toThrow(/no dark frame 3/);
  });

  it('reads a good file after thousands of damaged ones', async () => {
    const good = dataExchangeFixture('plain');
    const cut = write('cut-often.h5', good.subarray(0, good.length - 600));
    // Each left some of the library's stack behind; three thousand were more than there is.
    for (let time = 0; time < 3_000; time++) await refusal(cut);
    using scan = await openDataExchange(write('after.h5', good));
    expect(scan.readFrame('projection', 3)[0]).toBe(3_000);
  });

  it('refuses an angle that is infinite in radians', async () => {
    const bytes = Buffer.from(dataExchangeFixture('plain'));
    const at = bytes.indexOf(Buffer.from(Float64Array.of(45, 90).buffer));
    bytes.writeDoubleLE(1.7e308, at);
    expect(await refusal(write('far.h5', bytes))).toMatchObject({ code: 'shape', message: /Angle 1 of .* 1.7e\+308/ });
  });

  it('keeps nothing open of a damaged file, and does not read another one for it', async () => {
    const bytes = Buffer.from(dataExchangeFixture('plain'));
    const open = () => readdirSync('/proc/self/fd').length;
    await refusal(write('cut.h5', bytes.subarray(0, bytes.length - 600)));
    const before = open();
    let refused = 0;
    // Wherever the damage is: in the header, in a group, in a dataset's layout.
    for (let at = 8; at < bytes.length; at += 56) {
      const path = write(`damaged-${at}.h5`, Buffer.from(bytes).fill(0xff, at, at + 8));
      const scan = await openDataExchange(path).catch(() => undefined);
      scan?.close();
      if (!scan) refused++;
    }
    expect(refused).toBeGreaterThan(5);
    expect(open()).toBe(before);
    const [damaged] = readdirSync(folder).filter((name) => name.startsWith('damaged-'));
    const again = await openDataExchange(write(damaged ?? '', bytes)).then(
      (scan) => scan.readFrame('projection', 3)[0],
      String,
    );
    expect([3_000, expect.stringContaining('copy it to another name')]).toContainEqual(again);
  });

  it.each(['lzf', 'blosc', 'bitshuffle'] as const)('refuses %s by its name before reading', async (name) => {
    const error = await refusal(write(`${name}.h5`, dataExchangeFixture(name)));
    expect(error.code).toBe('filter');
    expect(error.message).toContain(`filter ${name} (id `);
    expect(error.message).toContain('/exchange/data in');
    expect(error.message).toContain('h5repack');
  });

  it('refuses files that are cut short, empty, foreign, missing or without angles', async () => {
    const bytes = dataExchangeFixture('plain');
    expect((await refusal(write('cut.h5', bytes.subarray(0, bytes.length - 600)))).code).toBe('truncated');
    expect((await refusal(write('empty.h5', new Uint8Array(0)))).code).toBe('not-this-format');
    expect((await refusal(write('text.h5', new TextEncoder().encode('hello')))).code).toBe('not-this-format');
    expect((await refusal(join(folder, 'none.h5'))).code).toBe('missing');
    const withoutAngles = await refusal(write('angles.h5', dataExchangeFixture('withoutAngles')));
    expect(withoutAngles.code).toBe('missing');
    expect(withoutAngles.message).toContain('rotation_start');
  });

  it('survives damage: a changed byte gives a FormatError or a readable file, never a crash', async () => {
    const good = dataExchangeFixture('deflate');
    for (let at = 8; at < good.length; at += 97) {
      const bytes = good.slice();
      bytes[at] = (bytes[at] as number) ^ 0xff;
      const path = write('damaged.h5', bytes);
      try {
        using scan = await openDataExchange(path);
        for (let i = 0; i < scan.counts.projection; i++) scan.readFrame('projection', i);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }
  });
});

describe('assertReadableFilters()', () => {
  it('takes deflate, shuffle, fletcher32 and szip, and names others by id where the file does not', () => {
    const known = [1, 2, 3, 4].map((id) => ({ id, name: '' }));
    expect(() => assertReadableFilters(known, '/d', 'f.h5')).not.toThrow();
    expect(() => assertReadableFilters([...known, { id: 32004, name: 'see http' }], '/d', 'f.h5')).toThrow(
      /filter lz4 \(id 32004\)/,
    );
    expect(() => assertReadableFilters([{ id: 40_000, name: 'mine' }], '/d', 'f.h5')).toThrow(
      /filter mine \(id 40000\)/,
    );
  });
});

describe('fileScan()', () => {
  it('replays darks, flats, projections with their angles, and the end marker', async () => {
    const source = await fileScan(write('scan.h5', dataExchangeFixture('plain')), { scan: 'tooth' });
    const frames = [...source.frames()];
    source.close();
    expect(frames.map(({ kind, index }) => `${kind}:${index}`).join(' ')).toBe(
      'dark:0 dark:1 dark:2 flat:0 flat:1 projection:0 projection:1 projection:2 projection:3 end:0',
    );
    const [projection, end] = frames.slice(-2);
    expect(projection).toMatchObject({
      scan: 'tooth',
      theta: (135 * Math.PI) / 180,
      rows: 2,
      columns: 64,
      dtype: 'u16',
    });
    expect(end).toMatchObject({ kind: 'end', expect: { dark: 3, flat: 2, projection: 4 } });
    expect(projection && frameValues(projection)[64]).toBe(3100);
  });
});
