/** Studies without a pilot: the matrix, the figures made of what was stored, the fitted law, and a report that nothing can be smuggled into. */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CliContext, runCli } from '#cli';
import { errorCodes } from '#common';
import { csvCell } from '../../platform/cli/output/csv-cell.ts';
import { toCsv } from '../../platform/cli/study/csv.ts';
import { expandStudy, narrowStudy, parseStudy } from '../../platform/cli/study/matrix.ts';
import { measure } from '../../platform/cli/study/measure.ts';
import { bundleProcessors, processorOf } from '../../platform/cli/study/processors.ts';
import { appendRecord, type CaseRecord, environmentNow, readRecords } from '../../platform/cli/study/records.ts';
import { renderReport } from '../../platform/cli/study/report.ts';
import { seriesOf } from '../../platform/cli/study/summary.ts';
import { fc } from '../harness/properties.ts';

const studies = join(import.meta.dirname, '../../functions/studies');
const read = (name: string) => parseStudy(readFileSync(join(studies, name), 'utf8'), name);

describe('parseStudy()', () => {
  it('reads the studies that come along, and varies what they say', () => {
    expect(expandStudy(read('quick.yaml'))).toHaveLength(1 + 4);
    const paper = expandStudy(read('paper.yaml'));
    expect(paper).toHaveLength(2 * (2 * 3 * 3 + 4 * 2 * 3 * 4 * 3));
    expect(new Set(paper.map(({ id }) => id)).size).toBe(paper.length);
    expect(new Set(paper.map(({ size }) => size))).toEqual(new Set(['317 KB', '2 MB']));
  });

  it('is narrowed to some experiments, and to other repeats: what was measured before keeps its name', () => {
    const whole = read('paper.yaml');
    const part = expandStudy(narrowStudy(whole, { only: ['GridRec'], repeats: 5 }));
    expect(part).toHaveLength(2 * 2 * 3 * 4 * 5);
    const ids = new Set(expandStudy(whole).map(({ id }) => id));
    expect(part.filter(({ id }) => ids.has(id))).toHaveLength(2 * 2 * 3 * 4 * 3);
    expect(() => narrowStudy(whole, { only: ['gridrec'] })).toThrow('no experiment "gridrec"');
    expect(() => narrowStudy(whole, { repeats: 1e6 })).toThrow('100 are the most');
  });

  it('names what is wrong, and its line', () => {
    const experiment = 'experiments: [{ name: a, source: s, messages: 5 }]';
    for (const [text, message] of [
      ['name: x\nexperiments: []', /s:2: experiments/],
      [`name: x\n${experiment}\ntypo: 1`, /Unrecognized key/],
      ['name: x\nexperiments:\n  - name: a\n    source: s\n    instances: [0]', /s:5: experiments\.0\.instances\.0/],
      [`name: x\npilots: [{ storeSize: huge }]\n${experiment}`, /no size/],
      ['name: [', /s: /],
      ['name: x\nexperiments: [{ name: a, source: s }, { name: a, source: s }]', /two experiments are named "a"/],
      [
        `name: x\n${experiment}\ncompare: [{ what: w, published: 1, unit: MB/s, experiment: b, metric: source, differs: d }]`,
        /no experiment/,
      ],
      ['name: "<b>"\nexperiments: [{ name: a, source: s }]', /is no name/],
    ] as const) {
      expect(() => parseStudy(text, 's'), text).toThrow(message);
    }
    expect(() =>
      parseStudy(
        'a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]',
        's',
      ),
    ).toThrow();
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseStudy(text, 's');
        } catch (error) {
          expect(error).toMatchObject({ name: 'PlatformError', code: 'invalid' });
        }
      }),
    );
  });
});

describe('measure()', () => {
  // A message each 10 ms, done 25 ms later, of which 5 ms in the handler.
  const inputs = Array.from({ length: 100 }, (_, at) => ({ sequence: at + 1, atMs: 1_000 + 10 * at, bytes: 1_000 }));
  const results = inputs.map(({ sequence, atMs }) => ({ sequence, atMs: atMs + 25, tookMs: 5 }));

  it('counts the steady part only', () => {
    const found = measure(inputs, results, { warmUp: 20, instances: 4 });
    expect(found).toMatchObject({ handled: 100, counted: 76 });
    expect(found?.perSecond).toBeCloseTo(100);
    expect(found?.megabytesPerSecond).toBeCloseTo(0.1);
    expect(found?.latencyMs).toEqual({ p50: 25, p95: 25, p99: 25, max: 25 });
    expect(found?.queueMs?.p50).toBe(20);
    expect(found?.lag.at(-1)?.[1]).toBe(0);
    expect(Math.max(...(found?.lag.map(([, lag]) => lag) ?? []))).toBe(3);
  });

  it('takes the first of several results of a message, and none of a message that it does not know', () => {
    const doubled = [
      ...results,
      ...results.map((result) => ({ ...result, atMs: result.atMs + 500 })),
      { sequence: 999, atMs: 1, tookMs: 1 },
    ];
    expect(measure(inputs, doubled, { warmUp: 20, instances: 4 })).toEqual(
      measure(inputs, results, { warmUp: 20, instances: 4 }),
    );
  });

  it('says nothing where too little is left', () => {
    expect(measure(inputs, results.slice(0, 20), { warmUp: 20, instances: 1 })).toBeUndefined();
    expect(measure([], [], { warmUp: 0, instances: 1 })).toBeUndefined();
  });
});

const spread = { p50: 1, p95: 2, p99: 3, max: 4 };
const record = (change: Partial<CaseRecord>): CaseRecord => ({
  id: 'case',
  definition: 'd',
  study: 's',
  experiment: 'e',
  pilot: 'p',
  size: '1 KB',
  producers: 1,
  instances: 1,
  repeat: 1,
  startedAt: '2026-01-01T00:00:00.000Z',
  outcome: 'ok',
  messages: 10,
  messageBytes: 1_000,
  lost: 0,
  deadLetters: 0,
  source: { perSecond: 10, megabytesPerSecond: 1, seconds: 1 },
  startUpMs: 50,
  measured: {
    handled: 10,
    counted: 8,
    perSecond: 10,
    megabytesPerSecond: 1,
    latencyMs: spread,
    lag: [
      [0, 1],
      [1, 0],
    ],
  },
  environment: environmentNow(),
  ...change,
});

describe('seriesOf()', () => {
  const law = (n: number) => (100 * n) / (1 + 0.05 * (n - 1) + 0.01 * n * (n - 1));
  const records = [1, 2, 4, 8, 12].flatMap((instances) =>
    [0.99, 1, 1.01].map((noise, at) =>
      record({
        instances,
        repeat: at + 1,
        measured: {
          ...(record({}).measured as NonNullable<CaseRecord['measured']>),
          perSecond: noise * law(instances),
        },
      }),
    ),
  );

  it('finds the law behind the figures, and how sure it is', () => {
    const [series] = seriesOf(records);
    expect(series?.points.map(({ instances, repeats }) => [instances, repeats])).toEqual(
      [1, 2, 4, 8, 12].map((n) => [n, 3]),
    );
    expect(series?.law?.lambda).toBeCloseTo(100, 0);
    expect(series?.law?.sigma).toBeCloseTo(0.05, 1);
    expect(series?.law?.best).toBe(10);
    const { low = 0, high = 0 } = series?.law?.intervals?.lambda ?? {};
    expect(low).toBeLessThanOrEqual(100.5);
    expect(high).toBeGreaterThanOrEqual(99.5);
    expect(high - low).toBeLessThan(10);
  });

  it('leaves out what failed, and says so', () => {
    const [series] = seriesOf([
      ...records,
      record({ id: 'bad', instances: 16, outcome: 'stalled: 3 events', measured: null }),
    ]);
    expect(series?.failed).toEqual(['bad: stalled: 3 events']);
    expect(series?.points).toHaveLength(5);
    expect(seriesOf(records.filter(({ instances }) => instances < 4))[0]?.law).toBeUndefined();
  });
});

describe('report and table', () => {
  const evil = `</title><script>alert(1)</script>"'&`;

  it('carry no text as markup', () => {
    const records = [
      record({ experiment: evil, size: evil, pilot: evil, outcome: 'ok' }),
      record({ id: evil, outcome: evil }),
    ];
    const compare = [
      { what: evil, published: 1, unit: 'MB/s' as const, experiment: evil, metric: 'source' as const, differs: evil },
    ];
    const page = renderReport({ name: evil, about: evil, records, compare });
    expect(page).not.toContain('<script');
    expect(page.match(/<\/title>/g)?.length).toBe((page.match(/<title>/g) ?? []).length);
    expect(page).toContain('&lt;script&gt;');
    expect(page).toContain('<svg');
    expect(page).not.toMatch(/(?:src|href)=/);
  });

  it('carry no text as a formula', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const cell = csvCell(text);
        const shown = cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell;
        expect(shown).not.toMatch(/^\s*[=+\-@]/);
        expect(shown === text || shown === `'${text}`).toBe(true);
        expect(cell.startsWith('"') || !/[",\r\n]/.test(cell)).toBe(true);
      }),
    );
    expect(csvCell(-1.5)).toBe('-1.5');
    const cells = ['a-1', 'a,b', 'say "hi"', '=1+1', ' =1', '\t+1', 7, null, Number.NaN].map(csvCell);
    expect(cells).toEqual(['a-1', '"a,b"', '"say ""hi"""', `"'=1+1"`, `"' =1"`, `"'\t+1"`, '7', '', '']);
    const [head = '', line = ''] = toCsv([record({ study: '=cmd|calc' })]).split('\r\n');
    expect(line.startsWith(`"'=cmd|calc",`)).toBe(true);
    expect(head.split(',')).toHaveLength(25);
  });

  it('are written of nothing, too', () => {
    expect(renderReport({ name: 'n', about: '', records: [], compare: [] })).toContain('0 cases');
    expect(toCsv([]).split('\r\n')).toHaveLength(2);
  });
});

describe('records', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pilotfish-study-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('survive a line that a crash cut short, and refuse what is none', () => {
    const file = join(folder, 'deep', 'results.jsonl');
    expect(readRecords(file)).toEqual([]);
    appendRecord(file, record({ id: 'one' }));
    appendFileSync(file, '{"id":"two","defin');
    expect(readRecords(file).map(({ id }) => id)).toEqual(['one']);
    appendRecord(file, record({ id: 'three' }));
    expect(readRecords(file).map(({ id }) => id)).toEqual(['one', 'three']);
    // Measured once more: the later figures count.
    appendRecord(file, record({ id: 'one', messages: 99 }));
    expect(readRecords(file).map(({ id, messages }) => [id, messages])).toEqual([
      ['one', 99],
      ['three', 10],
    ]);
    appendFileSync(file, '{"id":1}\n');
    expect(() => readRecords(file)).toThrow(/:4 is no record of a study/);
  });
});

describe('bundleProcessors()', () => {
  const cases = (processor: string) =>
    expandStudy(
      parseStudy(
        `name: x\nexperiments: [{ name: a, source: synthetic, processor: ${processor}, instances: [1, 2] }]`,
        's',
      ),
    );

  it('bundles each once, and hears of an interruption in between', async () => {
    const never = new AbortController().signal;
    const processors = await bundleProcessors(cases('../kmeans'), studies, never);
    expect([...processors.keys()]).toEqual(['../kmeans']);
    const [one, other] = cases('../kmeans').filter(({ repeat }) => repeat === 1);
    const [first, second] = [await processorOf(one!, processors), await processorOf(other!, processors)];
    expect(first?.spec.scale).toMatchObject({ min: 1, max: 1 });
    expect(second?.spec.scale).toMatchObject({ min: 2, max: 2 });
    expect(first?.artifactDigest).toBe(second?.artifactDigest);
    expect(first?.digest).not.toBe(second?.digest);
    const interrupted = bundleProcessors(cases('../kmeans'), studies, AbortSignal.abort(new Error('enough')));
    await expect(interrupted).rejects.toThrow('enough');
  });
});

it('a study with a function that cannot be bundled brings no pilot up', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pilotfish-study-'));
  try {
    const study = join(folder, 'study.yaml');
    writeFileSync(
      join(folder, 'pilotfish.yaml'),
      'functions: { broken: { entry: broken.ts, on: [{ subject: a.b }] } }\n',
    );
    writeFileSync(join(folder, 'broken.ts'), 'export default (;\n');
    writeFileSync(study, 'name: x\nexperiments: [{ name: a, source: synthetic, processor: . }]\n');
    const stderr = new PassThrough();
    const context: CliContext = {
      stdin: new PassThrough(),
      stdout: new PassThrough(),
      stderr,
      env: { PILOTFISH_HOME: join(folder, 'home'), PATH: process.env['PATH'] },
      toolsFile: join(folder, 'tools.json'),
      signal: new AbortController().signal,
    };
    const code = await runCli(context, ['bench', 'run', study, '--out', join(folder, 'out')]);
    const said = String(stderr.read());
    expect({ code, said }).toMatchObject({ code: errorCodes.invalid.exit, said: expect.stringContaining('broken.ts') });
    expect(existsSync(join(folder, 'home', 'pilots'))).toBe(false);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
