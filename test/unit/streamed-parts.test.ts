/** What the function of a streaming gather is given, against what the gatherer says that the key held (G13). */
import { describe, expect, it } from 'vitest';
import { Trigger } from '#proto';
import {
  type ClosedKey,
  compileGather,
  decodeOpenedEvent,
  encodeOpenedEvent,
  type FoldEffect,
  GatherFold,
  type OpenedKey,
  type StoredPart,
  StreamedParts,
} from '#routing';
import { decodeSequences, partsPerKeyMax } from '../../platform/routing/gather/index.ts';
import { fc } from '../harness/properties.ts';

const rules = compileGather(
  Trigger.fromPartial({
    name: 'on0',
    subject: 'scan.*.frame',
    gather: { key: '{1}', gapMs: 5, timeoutMs: 60_000, onIncomplete: 'run', streaming: true },
  }),
);

function stored(marks: readonly string[]): StoredPart[] {
  return marks.map((part, at) => ({
    subject: 'scan.s.frame',
    sequence: 3 * at + 1,
    timeMs: 1_000 + at,
    bytes: 10,
    part,
    expect: part === 'end' ? 'dark=2,projection=6' : undefined,
  }));
}

/** Doubles, disorder, an end anywhere or nowhere, and what is no part. */
const marks = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.nat({ max: 1 }).map((index) => `dark:${index}`) },
    { weight: 6, arbitrary: fc.nat({ max: 5 }).map((index) => `projection:${index}`) },
    { weight: 1, arbitrary: fc.constantFrom('end', 'nonsense') },
  ),
  { minLength: 1, maxLength: 40 },
);

const closedBy = (effects: readonly FoldEffect[]): ClosedKey | undefined =>
  effects.flatMap((effect) => (effect.kind === 'closed' ? [effect.closed] : []))[0];

/** Reads the messages from the key's first one on, and is told of the close behind `toldAfter` of them. */
function follow(opened: OpenedKey, parts: readonly StoredPart[], closed: ClosedKey, toldAfter: number): number[] {
  const listed = decodeSequences(closed.sequences, partsPerKeyMax);
  const messages = parts.filter(({ sequence }) => sequence >= opened.first);
  const run = (toldAt: number): number[] | undefined => {
    const streamed = new StreamedParts(opened);
    const given: number[] = [];
    for (const [at, { sequence, part }] of messages.entries()) {
      if (at === toldAt && !streamed.close(listed)) return undefined;
      const verdict = streamed.take(sequence, part);
      expect(verdict.kind).not.toBe('gone');
      if (verdict.kind === 'give') given.push(sequence);
    }
    if (toldAt >= messages.length && !streamed.close(listed)) return undefined;
    expect(streamed.complete).toBe(true);
    return given;
  };
  // Begun anew where it was given too much; then it has the list from the beginning.
  return run(toldAfter) ?? run(0) ?? [];
}

describe('the parts of an open key', () => {
  it('are in the end exactly those that the gatherer lists, wherever the close is heard of', () => {
    fc.assert(
      fc.property(marks, fc.nat({ max: 40 }), fc.nat({ max: 45 }), (drafts, gapAfter, toldAfter) => {
        const parts = stored(drafts);
        const fold = new GatherFold(rules, 1e12);
        const effects = parts.flatMap((part, at) => [
          ...fold.fold(part),
          // A gap that closes the key while later messages are on their way: they are given before that is known.
          ...(at === gapAfter
            ? fold.closeDue(part.timeMs + 10).map((closed) => ({ kind: 'closed', closed }) as const)
            : []),
        ]);
        const rest = fold.closeDue(1e9);
        const [opened] = effects.flatMap((effect) => (effect.kind === 'opened' ? [effect.opened] : []));
        const closed = closedBy(effects) ?? rest[0];
        expect(opened === undefined).toBe(closed === undefined);
        if (!opened || !closed) return;
        expect(follow(opened, parts, closed, toldAfter)).toEqual(decodeSequences(closed.sequences, partsPerKeyMax));
      }),
    );
  });

  it('open once a key, before it closes, also for an owner who reads again', () => {
    fc.assert(
      fc.property(marks, (drafts) => {
        const read = () => stored(drafts).flatMap((part) => [...new GatherFold(rules, 1e12).fold(part)]);
        const fold = new GatherFold(rules, 1e12);
        const kinds = stored(drafts)
          .flatMap((part) => [...fold.fold(part)])
          .map(({ kind }) => kind)
          .filter((kind) => kind === 'opened' || kind === 'closed');
        expect(kinds).toEqual(['opened', 'closed'].slice(0, kinds.length));
        const [first] = read().flatMap((effect) => (effect.kind === 'opened' ? [effect.opened] : []));
        if (first) expect(decodeOpenedEvent(encodeOpenedEvent(first))).toMatchObject(first);
      }),
    );
  });

  it('of a list that names a message which is not there are told as gone', () => {
    const streamed = new StreamedParts({ key: 's', subject: 'scan.s.frame', first: 1, openedAt: 0 });
    expect(streamed.take(1, 'dark:0')).toMatchObject({ kind: 'give', part: { kind: 'dark', index: 0 } });
    expect(streamed.close([1, 4, 7])).toBe(true);
    expect(streamed.awaited).toBe(4);
    expect(streamed.take(7, 'dark:2')).toEqual({ kind: 'gone' });
  });

  it.each(['{', '{}', '{"v":1,"key":"a","subject":"b","first":"1","openedAt":1}', '{"v":2}', 'null'])(
    'cannot be read by the event %s',
    (text) => {
      expect(() => decodeOpenedEvent(Buffer.from(text))).toThrow(/the event of an opened key/);
    },
  );
});
