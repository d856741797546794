// Rate profiles: when messages are due.

import { describe, expect, it } from 'vitest';
import { dueTimes, parseRate, SourceError } from '../../../functions/sources/index.ts';
import { fc } from '../../harness/properties.ts';

const noFile = (): string => {
  throw new Error('no file is read here');
};
const times = (text: string, count: number): number[] => dueTimes(parseRate(text, noFile), 1).take(count).toArray();

describe('rates', () => {
  it('are due when their profile says', () => {
    expect(times('100/s', 4)).toEqual([0, 10, 20, 30]);
    expect(times('max', 3)).toEqual([0, 0, 0]);
    expect(times('burst:2:1s', 5)).toEqual([0, 0, 1_000, 1_000, 2_000]);
    // From 10/s to 30/s within 10 s are 200 messages; then 30/s.
    const ramp = times('ramp:10:30:10s', 231);
    expect(ramp[200]).toBeCloseTo(10_000, 3);
    expect(ramp[230]).toBeCloseTo(11_000, 3);
    // A whole period of a sine brings its mean.
    const sine = times('sine:100:100:10s', 1_001);
    expect(sine[1_000]).toBeCloseTo(10_000, 1);
    expect(sine[500]).toBeLessThan(5_001);
    const poisson = times('poisson:1000', 10_001);
    expect(poisson[10_000]).toBeGreaterThan(9_700);
    expect(poisson[10_000]).toBeLessThan(10_300);
    expect(
      dueTimes(
        parseRate('recorded:t.txt', () => '# seconds\n5.5\n5.75\n\n7'),
        1,
      ).toArray(),
    ).toEqual([0, 250, 1_500]);
  });

  it('never go back, whatever they are', () => {
    const part = fc.double({ min: 0.1, max: 1e4, noNaN: true }).map((value) => value.toFixed(3));
    const profiles = fc.oneof(
      part.map((rate) => `${rate}/s`),
      fc.tuple(part, part, part).map(([from, to, span]) => `ramp:${from}:${to}:${span}s`),
      fc.tuple(part, part).map(([mean, span]) => `sine:${mean}:${mean}:${span}s`),
      part.map((rate) => `poisson:${rate}`),
    );
    fc.assert(
      fc.property(profiles, (text) => {
        const due = times(text, 200);
        expect(due.every((time, at) => Number.isFinite(time) && time >= (due[at - 1] ?? 0) - 1e-3)).toBe(true);
      }),
    );
  });

  it('are refused with what would be right', () => {
    const wrong = [
      '',
      'fast',
      '0',
      '-1/s',
      '1e9',
      'ramp:1:2',
      'burst:1.5:1s',
      'sine:1:2:3s',
      'poisson',
      'max:1',
      '100/s:1',
    ];
    for (const text of wrong) expect(() => parseRate(text, noFile)).toThrow(SourceError);
    expect(() => parseRate('recorded:t', () => '1\n0.5')).toThrow(/t:2: 0.5 comes before/);
    expect(() => parseRate('recorded:t', () => 'soon')).toThrow(/no time in seconds/);
    expect(() => parseRate('recorded:t', () => '')).toThrow(/has no times/);
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseRate(text, () => text);
        } catch (error) {
          expect(error).toBeInstanceOf(SourceError);
        }
      }),
    );
  });
});
