/** What `top` draws fits its terminal, however many functions there are and however long their names and reasons. */
import { describe, expect, it } from 'vitest';
import { FunctionSummary, type ScaleDecision, WatchResponse } from '#proto';
import { topScreen } from '../../platform/cli/screens/top-screen.ts';
import { fc } from '../harness/properties.ts';

const name = (at: number) => `function-${at}`;
const seen = (count: number) =>
  WatchResponse.fromPartial({
    functions: Array.from({ length: count }, (_, at) =>
      FunctionSummary.fromPartial({ name: name(at), scaleReason: `lag 2,140: ${'why '.repeat(40)}` }),
    ),
  });
const decisions = (count: number): ScaleDecision[] =>
  Array.from({ length: count }, (_, at) => ({
    timeMs: at,
    function: name(at),
    from: 1,
    to: 2,
    reason: 'more '.repeat(50),
  }));
// biome-ignore lint/suspicious/noControlCharactersInRegex: the codes are what is taken out.
const linesOf = (screen: string) => screen.replaceAll(/\u001b\[[HKJ]/g, '').split('\n');

describe('the screen of `top`', () => {
  it('never wraps and never scrolls', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 120 }),
        fc.integer({ min: 0, max: 8 }),
        fc.record({ columns: fc.integer({ min: 20, max: 200 }), rows: fc.integer({ min: 8, max: 60 }) }),
        (functions, decided, size) => {
          const lines = linesOf(topScreen(seen(functions), decisions(decided), size));
          expect(lines.length).toBeLessThanOrEqual(size.rows);
          for (const line of lines) expect(line.length).toBeLessThanOrEqual(size.columns);
        },
      ),
    );
  });

  it('says how many functions it has no room for, and still tells decisions', () => {
    const lines = linesOf(topScreen(seen(100), decisions(8), { columns: 80, rows: 24 }));
    const shown = lines.filter((line) => line.startsWith('function-') && line.includes('0/0')).length;
    expect(lines).toContain(`and ${100 - shown} more: pilotfish list`);
    expect(lines.filter((line) => line.includes('1 -> 2')).length).toBeGreaterThan(2);
  });

  it('shows those first that do something, in an order that stays', () => {
    const watched = WatchResponse.fromPartial({
      functions: [
        ...Array.from({ length: 30 }, (_, at) => ({ name: `idle-${at}` })),
        { name: 'waits', lag: 3 },
        { name: 'works', instancesReady: 1 },
        { name: 'starts', instancesWanted: 1 },
      ],
    });
    const [, , , ...shown] = linesOf(topScreen(watched, [], { columns: 80, rows: 24 }));
    expect(shown.slice(0, 4).map((line) => line.split(' ')[0])).toEqual(['waits', 'works', 'starts', 'idle-0']);
  });

  it('shortens long names in the middle, so that a narrow terminal has room for what is said of them', () => {
    const long = (at: number) => `reconstruct-beamline-scan-average-with-long-name-${at}`;
    const watched = WatchResponse.fromPartial({
      functions: [12, 13].map((at) => ({ name: long(at), lag: 1_234_567, handled: 12_345_678, scaleReason: 'lag 1' })),
    });
    const [decision] = decisions(1).map((each) => ({ ...each, function: long(13) }));
    const [, , titles, one, other, , decided] = linesOf(topScreen(watched, [decision!], { columns: 80, rows: 24 }));
    expect(one).toMatch(/^reconstruct-…ong-name-12 +0\/0 +1,234,567 +12,345,678 +0 +lag 1$/);
    expect(other).toMatch(/^reconstruct-…ong-name-13 /);
    expect(decided).toMatch(/^reconstruct-…ong-name-13 {2}00:00:00\.000 1 -> 2: more/);
    expect(titles).toMatch(/ READY +LAG +HANDLED +FAILED +WHY$/);
    // Where there is room nothing is shortened.
    expect(topScreen(watched, [], { columns: 200, rows: 24 })).toContain(long(12));
  });

  it('has rates, times and what is left of the walltime, the first where the terminal is wide', () => {
    const watched = WatchResponse.fromPartial({
      timeMs: 1_000_000,
      jobs: [{ endsAtMs: 0 }, { endsAtMs: 1_000_000 + 90 * 60_000 }, { endsAtMs: 1_000_000 + 99 * 60_000 }],
      functions: [{ name: 'split', metrics: { ratePerSecond: 25.04, p50Ms: 0.25, p99Ms: 2_100 } }, { name: 'new' }],
    });
    const [heading, , titles, split, fresh] = linesOf(topScreen(watched, [], { columns: 120, rows: 24 }));
    expect(heading).toMatch(/, 1h30m left$/);
    const end = (title: string) => (titles ?? '').indexOf(title) + title.length;
    expect(split?.slice(0, end('COME/S'))).toMatch(/ 25\.0$/);
    expect(split?.slice(0, end('P99'))).toMatch(/ 0\.3 ms +2\.1 s$/);
    expect(fresh?.slice(0, end('COME/S'))).toMatch(/ \?$/);
    expect(topScreen(watched, [], { columns: 80, rows: 24 })).not.toContain('P99');
  });

  it('shows everything where there is room', () => {
    const text = topScreen(seen(3), decisions(8), { columns: 400, rows: 50 });
    for (const at of [0, 1, 2]) expect(text).toContain(`${name(at)} `);
    expect(linesOf(text).filter((line) => line.includes('1 -> 2'))).toHaveLength(8);
    expect(text).not.toContain('…');
  });
});
