// Runs of sources: when messages are due, what goes wrong on purpose, and that every place is accounted for.

import { describe, expect, it } from 'vitest';
import {
  builtInSources,
  faultAt,
  type MessageSink,
  mergeReports,
  noFaults,
  type OpenSource,
  type ProducerReport,
  parseFrameHeaders,
  parseRate,
  parseShare,
  parseSinogramHeaders,
  produce,
  readSource,
  resolveSettings,
  SourceError,
  scanOrder,
  sequenceHeader,
} from '../../../functions/sources/index.ts';
import { fc } from '../../harness/properties.ts';

const noFile = (): string => {
  throw new Error('no file is read here');
};
/** Stands still until something sleeps. */
class StillClock {
  time = 0;
  now = () => this.time;
  epoch = () => 1_000 + this.time;
  sleep = (ms: number): Promise<void> => {
    this.time += ms;
    return Promise.resolve();
  };
}

class Sink implements MessageSink {
  readonly stored: { readonly id: string; readonly place: number; readonly atMs: number }[] = [];
  readonly counts = { acked: 0, retried: 0, held: 0 };
  readonly #clock: StillClock;

  constructor(clock: StillClock) {
    this.#clock = clock;
  }

  publish(_subject: string, _data: unknown, { headers, id }: { headers: Record<string, string>; id: string }) {
    const place = headers[sequenceHeader];
    if (place !== undefined) {
      this.counts.acked++;
      this.stored.push({ id, place: Number(place), atMs: this.#clock.time });
    }
    return Promise.resolve();
  }

  flush = () => Promise.resolve();
}

const numbers = (count?: number): OpenSource => ({
  count,
  message: (index) => ({ subject: 'numbers', data: String(index), spared: index === count }),
});

async function run(options: {
  readonly rate?: string;
  readonly count: number;
  readonly producers?: number;
  readonly faults?: Partial<typeof noFaults>;
}): Promise<{ reports: ProducerReport[]; sinks: Sink[] }> {
  const { rate = 'max', count, producers = 1, faults = {} } = options;
  const reports: ProducerReport[] = [];
  const sinks: Sink[] = [];
  for (let producer = 0; producer < producers; producer++) {
    const clock = new StillClock();
    const sink = new Sink(clock);
    sinks.push(sink);
    const common = { source: numbers(), run: 'r', count, producers, clock };
    reports.push(
      await produce({ ...common, sink, producer, rate: parseRate(rate, noFile), faults: { ...noFaults, ...faults } }),
    );
  }
  return { reports, sinks };
}

describe('produce()', () => {
  it('shares the places of a run between its producers, each once', async () => {
    const { reports, sinks } = await run({ count: 100, producers: 3, rate: '50/s' });
    const places = sinks.flatMap((sink) => sink.stored.map(({ place }) => place));
    expect(places.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(reports.map(({ made }) => made)).toEqual([34, 33, 33]);
    // Together they keep the rate that was asked for.
    expect(sinks[1]?.stored[0]?.atMs).toBe(20);
    expect(mergeReports('r', reports)).toMatchObject({ producers: 3, made: 100, sent: 100, stored: 100, lost: 0 });
  });

  it('accounts for every place, whatever is injected', async () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const faults = fc.record({ lose: share, double: share, disorder: share, delay: share, seed: fc.nat() });
    await fc.assert(
      fc.asyncProperty(faults, async (injected) => {
        const { reports, sinks } = await run({ count: 60, rate: '100/s', faults: { ...injected, delayMs: 55 } });
        const [report] = reports as [ProducerReport];
        const stored = sinks[0]?.stored ?? [];
        expect(report.made).toBe(60);
        expect(report.sent).toBe(report.made - report.lost + report.doubled);
        expect(report.stored).toBe(report.sent);
        const seen = new Set(stored.map(({ place }) => place));
        expect([...Array(60).keys()].filter((place) => !seen.has(place))).toEqual(report.lostPlaces);
        expect(new Set(stored.map(({ id }) => id)).size).toBe(stored.length);
      }),
      { numRuns: 40 },
    );
  });

  it('sends what is out of order after later ones, and what is late after its delay', async () => {
    const disordered = await run({ count: 200, faults: { disorder: 0.2 } });
    const places = disordered.sinks[0]?.stored.map(({ place }) => place) ?? [];
    expect(places).not.toEqual([...places].sort((a, b) => a - b));
    const moved = places.map((place, at) => Math.abs(place - at));
    expect(Math.max(...moved)).toBeLessThan(40);
    const late = await run({ count: 50, rate: '100/s', faults: { delay: 0.3, delayMs: 200 } });
    const waits = late.sinks[0]?.stored.map(({ place, atMs }) => atMs - place * 10) ?? [];
    expect(waits.filter((wait) => wait >= 200).length).toBe(late.reports[0]?.delayed);
  });

  it('ends when told, with what was made stored and counted', async () => {
    const clock = new StillClock();
    const sink = new Sink(clock);
    const stop = new AbortController();
    const source: OpenSource = {
      message: (index) => {
        if (index === 20) stop.abort();
        return { subject: 'a', data: '' };
      },
    };
    const rate = parseRate('100/s', noFile);
    const common = { sink, run: 'r', producer: 0, producers: 1, rate, faults: noFaults, clock };
    expect(await produce({ ...common, source, signal: stop.signal })).toMatchObject({ made: 21, stored: 21 });
    expect(await produce({ ...common, source: numbers(), seconds: 0.1 })).toMatchObject({ made: 10 });
  });
});

describe('faults and settings', () => {
  it('are the same for the same seed, and as frequent as asked', () => {
    const options = { ...noFaults, lose: 0.1, seed: 7 };
    const lost = Array.from({ length: 10_000 }, (_, place) => faultAt(options, place).lost);
    expect(lost).toEqual(Array.from({ length: 10_000 }, (_, place) => faultAt(options, place).lost));
    expect(lost.filter(Boolean).length).toBeGreaterThan(900);
    expect(lost.filter(Boolean).length).toBeLessThan(1_100);
    expect(parseShare('2.5%')).toBeCloseTo(0.025);
    for (const text of ['', '-1', '101%', 'x']) expect(() => parseShare(text)).toThrow(SourceError);
  });

  it('names what is wrong with a setting', () => {
    const source = builtInSources['lightsource'] as NonNullable<(typeof builtInSources)[string]>;
    expect(resolveSettings(source, ['rows=4', 'noise=true'])).toMatchObject({ rows: 4, noise: true, columns: 256 });
    for (const [text, message] of [
      ['rows', /name=value/],
      ['colums=4', /this source knows .*columns/],
      ['rows=four', /give a number/],
      ['noise=yes', /true or false/],
      ['__proto__=1', /there is no setting/],
    ] as const) {
      expect(() => resolveSettings(source, [text])).toThrow(message);
    }
    expect(() => resolveSettings(source, ['rows=1', 'rows=2'])).toThrow(/twice/);
    expect(() => readSource({ about: 'x', settings: {} }, 'x.ts')).toThrow(/lacks the function `open`/);
    expect(() => readSource(undefined, 'x.ts')).toThrow(/default export/);
  });
});

describe('built-in sources', () => {
  const open = async (name: string, ...given: string[]): Promise<OpenSource> => {
    const source = builtInSources[name] as NonNullable<(typeof builtInSources)[string]>;
    return await source.open(resolveSettings(source, given), { run: 'r1' });
  };

  it('give the same message for the same place', async () => {
    for (const name of Object.keys(builtInSources)) {
      const small = name === 'lightsource' ? ['rows=2', 'columns=16', 'angles=8', 'noise=true', 'scans=0'] : [];
      const [one, other] = [await open(name, ...small), await open(name, ...small)];
      for (const place of [17, 3, 40]) expect(one.message(place)).toEqual(other.message(place));
    }
  });

  it('lightsource sends whole scans, with an end that no fault touches', async () => {
    const source = await open(
      'lightsource',
      'rows=2',
      'columns=16',
      'angles=8',
      'fields=2',
      'scans=2',
      'order=interleaved',
    );
    expect(source.count).toBe(2 * 13);
    const parts = Array.from({ length: 26 }, (_, place) => source.message(place));
    expect(parts.map(({ headers }) => headers?.['Pilotfish-Part']).slice(0, 7)).toEqual([
      'dark:0',
      'dark:1',
      'flat:0',
      'flat:1',
      'projection:0',
      'projection:4',
      'projection:2',
    ]);
    expect(parts[12]).toMatchObject({ spared: true, subject: 'scan.r1-0.frame' });
    expect(parts[13]).toMatchObject({ subject: 'scan.r1-1.frame', id: 'r1-1.dark.0' });
    for (const { headers } of parts) parseFrameHeaders((header) => headers?.[header]);
  });

  it('lightsource sends sinograms that are the phantom', async () => {
    const source = await open('lightsource', 'rows=3', 'columns=16', 'angles=8', 'send=sinograms', 'chunk=2');
    expect(source.count).toBe(2);
    const { headers, data } = source.message(1);
    const { theta, ...shape } = parseSinogramHeaders((header) => headers?.[header]);
    expect(shape).toEqual({ rows: 1, columns: 16, firstRow: 2 });
    expect(theta[4]).toBeCloseTo(Math.PI / 2);
    expect(data.length).toBe(8 * 16 * 4);
  });

  it('refuse what cannot be', async () => {
    await expect(open('lightsource', 'rows=0')).rejects.toThrow(/rows is 0/);
    await expect(open('lightsource', 'centre=99', 'columns=16')).rejects.toThrow(/centre is 99/);
    await expect(open('lightsource', 'order=random')).rejects.toThrow(/interleaved/);
    await expect(open('lightsource', 'file=/no/such.h5')).rejects.toThrow(/no such file/);
    await expect(open('kmeans', 'encoding=json')).rejects.toThrow(/encoding/);
    await expect(open('kmeans', 'points=1000000', 'dimensions=100')).rejects.toThrow(/fewer at a time/);
    await expect(open('synthetic', 'bytes=99999999')).rejects.toThrow(/bytes is/);
  });

  it('orders angles so that each comes once', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('linear', 'interleaved', 'golden'),
        fc.integer({ min: 1, max: 400 }),
        (order, count) => {
          expect([...scanOrder(order, count)].sort((a, b) => a - b)).toEqual(
            Array.from({ length: count }, (_, i) => i),
          );
        },
      ),
    );
  });
});

describe('parseSinogramHeaders()', () => {
  it('reads or names the header, whatever comes', () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('1,2,3', '0:0.1:2', 'f32', '1,2', undefined));
    fc.assert(
      fc.property(text, text, text, text, (shape, dtype, thetas, row) => {
        const headers = new Map([
          ['Pilotfish-Shape', shape],
          ['Pilotfish-Dtype', dtype],
          ['Pilotfish-Thetas', thetas],
          ['Pilotfish-First-Row', row],
        ]);
        try {
          const read = parseSinogramHeaders((name) => headers.get(name));
          expect(read.theta.every(Number.isFinite)).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ name: 'FrameHeaderError' });
        }
      }),
    );
  });
});
