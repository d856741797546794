/** Keys and subjects of a gather trigger, and the coding of sequences. */
import { describe, expect, it } from 'vitest';
import { Trigger } from '#proto';
import { compileGather } from '#routing';
import { decodeSequences, SequenceEncoder } from '../../platform/routing/gather/index.ts';
import { fc } from '../harness/properties.ts';

describe('compileGather()', () => {
  const compile = (subject: string, key: string) =>
    compileGather(Trigger.fromPartial({ name: 't', subject, gather: { key } }));

  it('fills the wildcards of the key into the subject of the parts and leaves the others', () => {
    const { keyOf, partsSubjectOf } = compile('scan.*.rows.*', '{1}');
    expect([keyOf('scan.7.rows.3'), partsSubjectOf('scan.7.rows.3')]).toEqual(['7', 'scan.7.rows.*']);
    const both = compile('scan.*.rows.*', '{2}.{1}');
    expect([both.keyOf('scan.7.rows.3'), both.partsSubjectOf('scan.7.rows.3')]).toEqual(['3.7', 'scan.7.rows.3']);
    const rest = compile('a.*.>', '{2}');
    expect([rest.keyOf('a.b.c.d'), rest.partsSubjectOf('a.b.c.d')]).toEqual(['c.d', 'a.*.c.d']);
  });

  it.each(['all', '{1}{2}', '{3}'])('refuses the key %j', (key) => {
    expect(() => compile('scan.*.rows.*', key)).toThrow();
  });
});

describe('SequenceEncoder', () => {
  it('gives back what went in', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc.oneof(
            fc.integer({ min: 1, max: 5_000 }),
            fc.maxSafeNat().filter((n) => n > 0),
          ),
        ),
        (numbers) => {
          const ascending = numbers.toSorted((a, b) => a - b);
          const encoder = new SequenceEncoder();
          for (const sequence of ascending) encoder.push(sequence);
          expect(decodeSequences(encoder.encode(), ascending.length)).toEqual(ascending);
        },
      ),
    );
  });

  it('refuses text that no encoder wrote', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          const sequences = decodeSequences(text, 1_000);
          expect(sequences.every((sequence, at) => sequence > (sequences[at - 1] ?? 0))).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'corrupt' });
        }
      }),
    );
  });
});
