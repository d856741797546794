/** Filters and the pace of a replay. */
import { describe, expect, it } from 'vitest';
import { TriggerFilter } from '#proto';
import { compileFilter, replayWaitMs } from '#routing';
import { beginningProblem } from '../../platform/gateway/versions/trigger-beginning.ts';
import { fc } from '../harness/properties.ts';

describe('beginningProblem()', () => {
  const place = { lastSequence: 100, nowMs: Date.UTC(2026, 10, 28) };
  it('finds nothing wrong with a place that the stream has, or with the next one', () => {
    for (const sequence of [1, 100, 101])
      expect(beginningProblem({ at: { $case: 'sequence', sequence } }, place)).toBeUndefined();
    for (const timeMs of [0, place.nowMs, place.nowMs + 59_000])
      expect(beginningProblem({ at: { $case: 'timeMs', timeMs } }, place)).toBeUndefined();
    expect(beginningProblem({ at: { $case: 'new', new: true } }, place)).toBeUndefined();
    expect(beginningProblem(undefined, place)).toBeUndefined();
  });

  it('says where the stream ends, and that a time is still to come', () => {
    expect(beginningProblem({ at: { $case: 'sequence', sequence: 102 } }, place)?.what).toBe(
      "begins at sequence 102, and the pilot's stream ends at 100",
    );
    expect(beginningProblem({ at: { $case: 'timeMs', timeMs: place.nowMs + 7_200_000 } }, place)?.what).toBe(
      'begins at 2026-11-28T02:00:00.000Z, which is 2 hours ahead',
    );
  });
});

describe('compileFilter()', () => {
  const filter = compileFilter(
    TriggerFilter.fromPartial({
      subjects: ['scan.a.*', 'scan.b.>'],
      headers: [{ name: 'Kind', values: ['dark', 'flat'] }, { name: 'operator' }],
    }),
  );
  it.each([
    ['scan.a.1', { kind: 'dark', Operator: 'x' }, true],
    ['scan.b.1.2', { kind: 'flat', operator: '' }, true],
    ['scan.c.1', { kind: 'dark', operator: 'x' }, false],
    ['scan.a.1', { kind: 'light', operator: 'x' }, false],
    ['scan.a.1', { kind: 'dark' }, false],
    ['scan.a.1', {}, false],
  ])('%s %o: %s', (subject, headers, taken) =>
    expect(filter?.(subject, headers as Record<string, string>)).toBe(taken),
  );

  it('is none where nothing is to be left out', () => {
    expect(compileFilter(undefined)).toBeUndefined();
    expect(compileFilter(TriggerFilter.fromPartial({}))).toBeUndefined();
  });
});

describe('replayWaitMs()', () => {
  it('keeps the order of events and divides their distances by the speed', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 40 }),
        fc.integer({ min: 0, max: 2 ** 40 }),
        fc.double({ min: 0.001, max: 1e6, noNaN: true }),
        fc.array(fc.integer({ min: 0, max: 10 ** 7 }), { minLength: 2, maxLength: 20 }),
        (fromMs, atMs, speed, offsets) => {
          const sorted = offsets.sort((a, b) => a - b);
          const waits = sorted.map((offset) => replayWaitMs({ fromMs, atMs, speed }, fromMs + offset, atMs));
          for (const [at, wait] of waits.entries()) {
            expect(wait).toBeGreaterThanOrEqual(waits[at - 1] ?? 0);
            expect(wait).toBeCloseTo((sorted[at] ?? 0) / speed, 2);
          }
        },
      ),
    );
  });

  it('is over once its time has come', () => {
    expect(replayWaitMs({ fromMs: 1_000, atMs: 50_000, speed: 2 }, 5_000, 51_999)).toBe(1);
    expect(replayWaitMs({ fromMs: 1_000, atMs: 50_000, speed: 2 }, 5_000, 60_000)).toBe(0);
  });
});
