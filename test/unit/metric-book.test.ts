/** A function's own metrics: what is counted, what is refused and said once, and what becomes of it on its way to the gateway. */
import { describe, expect, it } from 'vitest';
import { MetricBook, type MetricSample, metricBounds } from '#sdk';
import { UserMetrics } from '../../platform/agent/records/user-metrics.ts';
import { expositionText } from '../../platform/gateway/metrics/exposition.ts';
import { UserTotals } from '../../platform/gateway/metrics/user-totals.ts';
import { fc } from '../harness/properties.ts';

const silent = () => undefined;
const agentOf = (startedAt: number, node = 'n1') => ({ node, startedAt });

function bookOf(): { book: MetricBook; refused: string[] } {
  const refused: string[] = [];
  return { book: new MetricBook((text) => refused.push(text)), refused };
}

describe('MetricBook', () => {
  it('adds counters and histograms up, sets gauges, and keeps labels in any order as one series', () => {
    const { book, refused } = bookOf();
    book.counter('frames').add(2, { a: 'x', b: 1 });
    book.counter('frames_total').add(1, { b: 1, a: 'x' });
    book.gauge('depth').set(7);
    book.gauge('depth').set(3);
    const times = book.histogram('read_seconds', { buckets: [1, 2] });
    for (const value of [1, 1.5, 9]) times.observe(value);
    expect(book.since(0).map(({ name, value, labels, counts }) => [name, value, labels, counts])).toEqual([
      ['frames_total', 3, { a: 'x', b: '1' }, []],
      ['depth', 3, {}, []],
      ['read_seconds', 11.5, {}, [1, 1, 1]],
    ]);
    expect(refused).toEqual([]);
  });

  it('tells what it takes once, and nothing that has not changed', () => {
    const { book } = bookOf();
    const counter = book.counter('frames');
    counter.add(2);
    expect(book.take().map(({ value }) => value)).toEqual([2]);
    expect(book.take()).toEqual([]);
    counter.add();
    expect(book.take().map(({ value }) => value)).toEqual([1]);
  });

  it.each<[string, (book: MetricBook) => void, string]>([
    ['a name with capitals', (book) => book.gauge('Depth').set(1), 'its name is not like'],
    ['an ending of histograms', (book) => book.gauge('depth_count').set(1), 'the ending _count'],
    ['a gauge that is named like a counter', (book) => book.gauge('frames_total').set(1), 'the ending _total'],
    ['a reserved label', (book) => book.gauge('depth').set(1, { function: 'f' }), 'the label function'],
    ['another reserved label', (book) => book.gauge('depth').set(1, { le: '1' }), 'the label le'],
    ['a long value', (book) => book.gauge('depth').set(1, { a: 'x'.repeat(200) }), 'is longer than 128'],
    ['a counter that falls', (book) => book.counter('frames').add(-1), 'cannot go down'],
    ['no number', (book) => book.gauge('depth').set(Number.NaN), 'is no number'],
    ['buckets that fall', (book) => book.histogram('h', { buckets: [2, 1] }).observe(1), 'do not rise'],
    ['no buckets', (book) => book.histogram('h', { buckets: [] }).observe(1), 'has not 1 to 32'],
  ])('refuses %s, says why once, and goes on', (_what, wrong, why) => {
    const { book, refused } = bookOf();
    for (let time = 0; time < 3; time++) wrong(book);
    expect(refused).toEqual([expect.stringContaining(why)]);
    expect(book.since(0)).toEqual([]);
  });

  it('has one kind a name', () => {
    const { book, refused } = bookOf();
    book.gauge('depth').set(1);
    book.histogram('depth').observe(1);
    expect(refused).toEqual(['the metric depth is refused: it is a gauge already']);
  });

  it('holds its bounds: names and series over them are refused, those within go on', () => {
    const { book, refused } = bookOf();
    const counter = book.counter('frames');
    for (let series = 0; series < metricBounds.series + 50; series++) counter.add(1, { series });
    for (let name = 0; name < metricBounds.names + 5; name++) book.gauge(`gauge_${name}`).set(1);
    counter.add(1, { series: 0 });
    expect(book.since(0)).toHaveLength(metricBounds.series);
    expect(book.since(0)[0]?.value).toBe(2);
    expect(refused.some((text) => text.includes(`no more than ${metricBounds.series} series`))).toBe(true);
    expect(refused.some((text) => text.includes(`no more than ${metricBounds.names} metrics`))).toBe(true);
    expect(refused.length).toBeLessThanOrEqual(20);
  });
});

/** What an instance tells, as its agent reads it. */
const overTheWire = (samples: readonly MetricSample[]): MetricSample[] => JSON.parse(JSON.stringify(samples));

describe('on the way to the gateway', () => {
  it('never loses or doubles a count, whoever ends on the way', () => {
    const step = fc.constantFrom('count', 'tell', 'report', 'instance ends', 'agent ends', 'gateway ends');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let started = 1;
        let counted = 0;
        let book = new MetricBook(silent);
        let agent = new UserMetrics({ write: silent });
        let read = agent.reader();
        let gateway = new UserTotals(silent);
        const tell = () => agent.add('f', overTheWire(book.take()));
        const report = () => gateway.add(agentOf(started), read());
        for (const what of steps) {
          if (what === 'count') {
            book.counter('frames').add(2, { a: 'x' });
            book.histogram('h', { buckets: [1] }).observe(2);
            counted++;
          } else if (what === 'tell') tell();
          else if (what === 'report') report();
          else if (what === 'instance ends') {
            tell();
            book = new MetricBook(silent);
          } else if (what === 'agent ends') {
            tell();
            report();
            started++;
            agent = new UserMetrics({ write: silent });
            read = agent.reader();
          } else {
            const left = JSON.parse(JSON.stringify(gateway.stored('f')));
            gateway = new UserTotals(silent);
            gateway.restore(left);
            // The next gateway's first report has all that the agent knows.
            read = agent.reader();
          }
        }
        tell();
        report();
        const text = expositionText(gateway.families(new Set(['f']), new Set(['n1'])));
        if (counted === 0) return;
        expect(text).toContain(`pilotfish_user_frames_total{function="f",a="x"} ${2 * counted}\n`);
        expect(text).toContain(`pilotfish_user_h_bucket{function="f",le="1"} 0\n`);
        expect(text).toContain(`pilotfish_user_h_count{function="f"} ${counted}\n`);
        expect(text).toContain(`pilotfish_user_h_sum{function="f"} ${2 * counted}\n`);
      }),
    );
  });

  it('shows a gauge for each node that is there, and no function that is gone', () => {
    const totals = new UserTotals(silent);
    for (const node of ['n1', 'n2']) {
      const book = new MetricBook(silent);
      book.gauge('depth', { help: 'Events in\nhand.' }).set(4);
      const agent = new UserMetrics({ write: silent });
      agent.add('f', book.take());
      totals.add(agentOf(1, node), agent.reader()());
    }
    const text = expositionText(totals.families(new Set(['f']), new Set(['n2'])));
    expect(text).toBe(
      '# HELP pilotfish_user_depth Events in hand.\n# TYPE pilotfish_user_depth gauge\npilotfish_user_depth{function="f",node="n2"} 4\n',
    );
    expect(totals.families(new Set(), new Set(['n2']))).toEqual([]);
  });

  it('lets the first kind of a name stand where two functions differ, and says so', () => {
    const warned: string[] = [];
    const totals = new UserTotals((text) => warned.push(text));
    const agent = new UserMetrics({ write: silent });
    for (const [functionName, kind] of [
      ['f', 'gauge'],
      ['g', 'histogram'],
    ] as const) {
      const book = new MetricBook(silent);
      if (kind === 'gauge') book.gauge('depth').set(1);
      else book.histogram('depth').observe(1);
      agent.add(functionName, book.take());
    }
    const read = agent.reader();
    totals.add(agentOf(1), read());
    expect(warned).toEqual(['the metric depth of g is refused: it is a gauge of another function already']);
  });
});
