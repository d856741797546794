// Frames, their headers, the phantom's scan and the pacer.

import { describe, expect, it } from 'vitest';
import {
  createPacer,
  type Frame,
  FrameHeaderError,
  frameHeaders,
  frameValues,
  type PacerClock,
  parseFrameHeaders,
  phantomScan,
  rowChunk,
} from '../../../functions/sources/index.ts';
import { fc } from '../../harness/properties.ts';

const parse = (headers: Record<string, string>) => parseFrameHeaders((name) => headers[name]);
const good = {
  'Pilotfish-Part': 'projection:17',
  'Pilotfish-Shape': '16,256',
  'Pilotfish-Dtype': 'u16',
  'Pilotfish-Theta': '0.25',
};
const end = {
  'Pilotfish-Part': 'end',
  'Pilotfish-Shape': '16,256',
  'Pilotfish-Dtype': 'u16',
  'Pilotfish-Expect': 'dark=10,flat=10,projection=180',
};

describe('frame headers', () => {
  it('read what was written, for every frame', () => {
    const shape = {
      scan: 's',
      rows: fc.integer({ min: 1, max: 65_536 }),
      columns: fc.integer({ min: 1, max: 65_536 }),
    };
    const count = fc.integer({ min: 0, max: 65_535 });
    const common = {
      scan: fc.constant(shape.scan),
      rows: shape.rows,
      columns: shape.columns,
      dtype: fc.constantFrom('u16' as const, 'f32' as const),
      data: fc.constant(new Uint8Array(0)),
    };
    const theta = fc.double({ noNaN: true, noDefaultInfinity: true }).map((angle) => angle + 0);
    const frames: fc.Arbitrary<Frame> = fc.oneof(
      fc.record({ ...common, kind: fc.constantFrom('dark' as const, 'flat' as const), index: count }),
      fc.record({ ...common, kind: fc.constant('projection' as const), index: count, theta }),
      fc.record({
        ...common,
        kind: fc.constant('end' as const),
        index: fc.constant(0 as const),
        expect: fc.record({ dark: count, flat: count, projection: count }),
      }),
    );
    fc.assert(
      fc.property(frames, (frame) => {
        const { scan: _, data: __, ...expected } = frame;
        expect(parse(frameHeaders(frame))).toEqual(expected);
      }),
    );
  });

  it('have the documented form', () => {
    const scan = phantomScan({ scan: 's', rows: 2, columns: 16, angles: 3, seed: 1, darks: 1, flats: 1 });
    const frames = [...scan.frames()];
    expect(frames.map(frameHeaders)[0]).toEqual({
      'Pilotfish-Part': 'dark:0',
      'Pilotfish-Shape': '2,16',
      'Pilotfish-Dtype': 'u16',
    });
    expect(frames.map(frameHeaders)[3]?.['Pilotfish-Theta']).toBe(String(Math.PI / 3));
    expect(frames.map(frameHeaders).at(-1)).toEqual({
      'Pilotfish-Part': 'end',
      'Pilotfish-Shape': '2,16',
      'Pilotfish-Dtype': 'u16',
      'Pilotfish-Expect': 'dark=1,flat=1,projection=3',
    });
  });

  it.each([
    ['no part', { ...good, 'Pilotfish-Part': undefined }, /Pilotfish-Part is missing/],
    ['an unknown kind', { ...good, 'Pilotfish-Part': 'white:1' }, /"white:1"/],
    ['a negative index', { ...good, 'Pilotfish-Part': 'dark:-1' }, /"dark:-1"/],
    ['an index with an exponent', { ...good, 'Pilotfish-Part': 'dark:1e3' }, /"dark:1e3"/],
    ['an index past the bound', { ...good, 'Pilotfish-Part': 'dark:65536' }, /"dark:65536"/],
    ['two indexes', { ...good, 'Pilotfish-Part': 'dark:1:2' }, /"dark:1:2"/],
    ['a shape of 0', { ...good, 'Pilotfish-Shape': '0,256' }, /"0,256"/],
    ['a shape of three', { ...good, 'Pilotfish-Shape': '1,2,3' }, /"1,2,3"/],
    ['another type', { ...good, 'Pilotfish-Dtype': 'i16' }, /"i16"/],
    ['no angle', { ...good, 'Pilotfish-Theta': undefined }, /Pilotfish-Theta is missing/],
    ['an empty angle', { ...good, 'Pilotfish-Theta': ' ' }, /angle in radians/],
    ['an infinite angle', { ...good, 'Pilotfish-Theta': 'Infinity' }, /"Infinity"/],
    ['an end without counts', { ...end, 'Pilotfish-Expect': undefined }, /Pilotfish-Expect is missing/],
    ['an end with a kind twice', { ...end, 'Pilotfish-Expect': 'dark=1,dark=1,flat=1,projection=1' }, /dark=N,flat=N/],
    ['an end with a kind too many', { ...end, 'Pilotfish-Expect': 'dark=1,flat=1,projection=1,x=1' }, /dark=N,flat=N/],
  ])('refuses %s', (_, headers, message) => {
    expect(() => parse(headers as Record<string, string>)).toThrow(FrameHeaderError);
    expect(() => parse(headers as Record<string, string>)).toThrow(message);
  });

  it('never fail in another way', () => {
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom('end', 'dark:1', '1,1', 'u16', '0', 'dark=1,flat=1,projection=1', '=', ':,='),
    );
    fc.assert(
      fc.property(fc.record({ part: text, shape: text, dtype: text, theta: text, expect: text }), (fuzz) => {
        const headers = {
          'Pilotfish-Part': fuzz.part,
          'Pilotfish-Shape': fuzz.shape,
          'Pilotfish-Dtype': fuzz.dtype,
          'Pilotfish-Theta': fuzz.theta,
          'Pilotfish-Expect': fuzz.expect,
        };
        try {
          parse(headers);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameHeaderError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('rowChunk()', () => {
  const scan = phantomScan({ scan: 's', rows: 5, columns: 16, angles: 2, seed: 1, darks: 1, flats: 1 });
  const frames = [...scan.frames()];
  const frame = frames[2] as Frame;

  it('cuts rows without copying', () => {
    const chunk = rowChunk(frame, 1, 3);
    expect(chunk.data.buffer).toBe(frame.data.buffer);
    expect(chunk).toMatchObject({ kind: 'projection', index: 0, rows: 3, columns: 16 });
    expect(frameValues(chunk)).toEqual(frameValues(frame).subarray(16, 64));
  });

  it('gives every chunk the end marker with its own shape', () => {
    expect(rowChunk(frames.at(-1) as Frame, 4, 1)).toMatchObject({
      kind: 'end',
      rows: 1,
      columns: 16,
      expect: { dark: 1, flat: 1, projection: 2 },
    });
  });

  it.each([
    [-1, 2],
    [4, 2],
    [0, 0],
    [0.5, 1],
    [0, 6],
  ])('refuses rows %d + %d', (first, count) => {
    expect(() => rowChunk(frame, first, count)).toThrow(/not in a frame of 5 rows/);
  });

  it('frameValues() reads unaligned bytes, also in a pooled Buffer, and refuses a wrong size', () => {
    const bytes = Buffer.concat([Buffer.of(9), frame.data, Buffer.of(9)]);
    const odd = bytes.subarray(1, 1 + frame.data.length);
    expect(frameValues({ ...frame, data: odd })).toEqual(frameValues(frame));
    const pooled = Buffer.from([9, ...frame.data]).subarray(1);
    expect(frameValues({ ...frame, data: pooled })).toEqual(frameValues(frame));
    expect(() => frameValues({ ...frame, data: odd.subarray(1) })).toThrow(/has 160 bytes, this one has 159/);
  });
});

describe('phantomScan()', () => {
  const options = { scan: 's', rows: 3, columns: 32, angles: 4, seed: 9 };

  it('gives the same bytes for the same seed, others for another, and starts anew each time', () => {
    const bytes = (scan: ReturnType<typeof phantomScan>) =>
      [...scan.frames()].map(({ data }) => Buffer.from(data).toString('hex')).join();
    const scan = phantomScan(options);
    expect(bytes(scan)).toBe(bytes(scan));
    expect(bytes(phantomScan(options))).toBe(bytes(scan));
    expect(bytes(phantomScan({ ...options, seed: 10 }))).not.toBe(bytes(scan));
    expect(bytes(phantomScan({ ...options, noise: true }))).not.toBe(bytes(scan));
  });

  it('has the counts it promises, and rows that differ', () => {
    const scan = phantomScan(options);
    expect(scan.metadata).toMatchObject({
      rows: 3,
      columns: 32,
      dtype: 'u16',
      counts: { dark: 10, flat: 10, projection: 4 },
    });
    const kinds = [...scan.frames()].map(({ kind }) => kind);
    for (const kind of ['dark', 'flat', 'projection'] as const) {
      expect(kinds.filter((seen) => seen === kind)).toHaveLength(scan.metadata.counts[kind]);
    }
    expect(kinds.at(-1)).toBe('end');
    expect(scan.truth(0)).not.toEqual(scan.truth(1));
  });

  it('refuses an empty scan', () => {
    expect(() => phantomScan({ ...options, rows: 0 })).toThrow(/rows is 0/);
  });
});

describe('createPacer()', () => {
  /** Time passes only in `sleep`, which wakes late by `late` ms, as timers do, and by what `work` adds. */
  function fakeClock(late: number): PacerClock & { work: (ms: number) => void } {
    let now = 5_000;
    return {
      now: () => now,
      sleep: async (ms) => {
        now += ms + late;
      },
      work: (ms) => {
        now += ms;
      },
    };
  }

  it.each([
    { rate: 100, late: 1.1, work: 3 },
    { rate: 2_000, late: 1.1, work: 0.1 },
    { rate: 0.5, late: 40, work: 100 },
  ])('holds $rate a second within 2 % with timers $late ms late', async ({ rate, late, work }) => {
    const clock = fakeClock(late);
    const pacer = createPacer(rate, clock);
    const start = clock.now();
    const items = 1_000;
    for (let i = 0; i < items; i++) {
      await pacer.next();
      clock.work(work);
    }
    const seen = (1_000 * items) / (clock.now() - start);
    expect(Math.abs(seen / rate - 1)).toBeLessThan(0.02);
    expect(pacer.slippedMs()).toBe(0);
  });

  it('catches up after a short hold-up, but not after a long one', async () => {
    const clock = fakeClock(0);
    const pacer = createPacer(100, clock);
    await pacer.next();
    clock.work(500);
    for (let i = 0; i < 100; i++) await pacer.next();
    expect(clock.now()).toBe(5_000 + 1_000);
    clock.work(60_000);
    await pacer.next();
    expect(pacer.slippedMs()).toBeCloseTo(60_000 - 10 - 1_000, 6);
  });

  it('ends when aborted and refuses a rate of 0', async () => {
    const pacer = createPacer(10, fakeClock(0));
    await expect(pacer.next(AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
    expect(() => createPacer(0, fakeClock(0))).toThrow(/rate is 0/);
  });
});
