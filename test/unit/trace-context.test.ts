import { describe, expect, it } from 'vitest';
import { formatTraceparent, parseTraceparent } from '#common';
import { isInShare, placeInTrace } from '../../platform/agent/traces/sampling.ts';
import { fc } from '../harness/properties.ts';

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
    .map((digits) => digits.join(''))
    .filter((text) => /[1-9a-f]/.test(text));
const contexts = fc.record({ traceId: hex(32), spanId: hex(16), sampled: fc.boolean() });
const events = fc.record({
  stream: fc.constant('EVENTS'),
  sequence: fc.integer({ min: 1 }),
  name: fc.constantFrom(1, '1-2'),
});

describe('traceparent', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(contexts, (context) => {
        expect(parseTraceparent(formatTraceparent(context))).toEqual(context);
      }),
    );
  });

  it('of a later version is read for what it shares with this one', () => {
    const later = `cc-${'a'.repeat(32)}-${'b'.repeat(16)}-03-more`;
    expect(parseTraceparent(later)).toEqual({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true });
  });

  it.each([
    ['nothing', undefined],
    ['an id of zeros', `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`],
    ['a span of zeros', `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`],
    ['version ff', `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`],
    ['more fields than version 00 has', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01-x`],
    ['upper case', `00-${'A'.repeat(32)}-${'b'.repeat(16)}-01`],
  ])('is none: %s', (_, text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });

  it('is what the recommendation says it is, whatever has become of a text', () => {
    const form = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[\s\S]*)?$/;
    const letter = fc.constantFrom(...'0fF-gz 1');
    const change = fc.record({ at: fc.nat(60), letter, cut: fc.nat(1) });
    const texts = fc.record({
      context: contexts,
      version: fc.constantFrom('00', 'ff', '01', 'cc'),
      change,
      tail: fc.constantFrom('', '-', '-x', 'x'),
    });
    fc.assert(
      fc.property(texts, fc.boolean(), ({ context, version, change: { at, letter: put, cut }, tail }, changed) => {
        const whole = version + formatTraceparent(context).slice(2) + tail;
        const text = changed ? whole.slice(0, at) + put + whole.slice(at + cut) : whole;
        const [, first, traceId, spanId, flags = '', more] = form.exec(text) ?? [];
        const isOne = first !== undefined && (first !== '00' || more === undefined);
        const wanted = isOne ? { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 } : undefined;
        expect(parseTraceparent(text)).toEqual(wanted);
      }),
      { numRuns: 2_000 },
    );
  });

  it('may be any text without harm', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseTraceparent(text)));
  });
});

describe('which events are traced', () => {
  it('is for the source to say, whatever the share', () => {
    fc.assert(
      fc.property(events, contexts, fc.double({ min: 0, max: 1, noNaN: true }), (event, context, ratio) => {
        const place = placeInTrace({ ...event, headers: { traceparent: formatTraceparent(context) } }, ratio, 'p');
        expect(place).toEqual(context.sampled ? { traceId: context.traceId, parentId: context.spanId } : undefined);
      }),
    );
  });

  it('is a share of the others, the same for each trigger and at each delivery', () => {
    for (const ratio of [0.01, 0.1, 0.5]) {
      const sequences = Array.from({ length: 100_000 }, (_, at) => at + 1);
      const traced = sequences.filter((sequence) => isInShare(sequence, ratio)).length;
      expect(Math.abs(traced / 100_000 - ratio)).toBeLessThan(0.001);
    }
    fc.assert(
      fc.property(events, (event) => {
        const place = placeInTrace({ ...event, headers: {} }, 1, 'p');
        expect(place?.traceId).toMatch(/^[0-9a-f]{32}$/);
        expect(placeInTrace({ ...event, headers: {} }, 1, 'p')).toEqual(place);
        expect(placeInTrace({ ...event, headers: {} }, 1, 'q')).not.toEqual(place);
      }),
    );
  });

  it('is never a result of an event that was not', () => {
    fc.assert(
      fc.property(events, (event) => {
        expect(placeInTrace({ ...event, headers: { 'Pilotfish-Version': 'f:1:abc' } }, 1, 'p')).toBeUndefined();
      }),
    );
  });
});
