/** The fold of parts into keys: order, doubles, ends, gaps, bounds, and that a restart anywhere changes nothing. */
import { describe, expect, it } from 'vitest';
import { anyKind } from '#model';
import { Trigger } from '#proto';
import { type ClosedKey, compileGather, type FoldEffect, GatherFold, type StoredPart } from '#routing';
import { decodeSequences, openKeysMax } from '../../platform/routing/gather/index.ts';
import { fc } from '../harness/properties.ts';

const rules = compileGather(
  Trigger.fromPartial({
    name: 'on0',
    subject: 'scan.*.frame',
    gather: { key: '{1}', gapMs: 1_000, timeoutMs: 60_000, onIncomplete: 'run' },
  }),
);

type Draft = { key: string; mark: string; expect?: string };

/** Messages as a stream stores them: one a millisecond, sequences from 1. */
function stored(drafts: readonly Draft[]): StoredPart[] {
  return drafts.map(({ key, mark, expect: expected }, at) => ({
    subject: `scan.${key}.frame`,
    sequence: at + 1,
    timeMs: 1_000 + at,
    bytes: 10,
    part: mark,
    expect: expected,
  }));
}

function closings(effects: readonly FoldEffect[]): ClosedKey[] {
  return effects.flatMap((effect) => (effect.kind === 'closed' ? [effect.closed] : []));
}

function foldAll(fold: GatherFold, parts: readonly StoredPart[]): FoldEffect[] {
  return parts.flatMap((part) => [...fold.fold(part)]);
}

const newFold = () => new GatherFold(rules, 1e12);

/** A scan's messages with doubles, in any order; the end anywhere. */
const scan = (key: string) =>
  fc
    .record({
      dark: fc.integer({ min: 0, max: 5 }),
      projection: fc.integer({ min: 1, max: 20 }),
      doubles: fc.array(fc.nat(), { maxLength: 8 }),
    })
    .chain(({ dark, projection, doubles }) => {
      const parts = [
        ...Array.from({ length: dark }, (_, index) => ({ key, mark: `dark:${index}` })),
        ...Array.from({ length: projection }, (_, index) => ({ key, mark: `projection:${index}` })),
      ];
      const again = doubles.map((at) => parts[at % parts.length] ?? { key, mark: 'projection:0' });
      const end = { key, mark: 'end', expect: `dark=${dark},projection=${projection}` };
      return fc.shuffledSubarray([...parts, ...again, end], { minLength: parts.length + again.length + 1 });
    });

const interleaved = fc
  .tuple(scan('a'), scan('b'), scan('c'))
  .chain((scans) => fc.shuffledSubarray(scans.flat(), { minLength: scans.flat().length }));

describe('GatherFold', () => {
  it('closes each key once, complete, whatever the order and the doubles', () => {
    fc.assert(
      fc.property(interleaved, (drafts) => {
        const fold = newFold();
        const parts = stored(drafts);
        const closed = closings(foldAll(fold, parts));
        expect(closed.map(({ key }) => key).sort()).toEqual(['a', 'b', 'c']);
        expect(fold.openKeys).toBe(0);
        for (const { key, reason, sequences, parts: counts, expected, missing, last } of closed) {
          expect(reason).toBe('complete');
          expect(counts).toEqual(Object.fromEntries(Object.entries(expected).filter(([, count]) => count > 0)));
          expect(missing).toEqual({});
          const listed = decodeSequences(sequences, 100).map((sequence) => parts[sequence - 1]);
          // Each index once, and the first message of it.
          const firsts = parts.filter(
            (part, at) =>
              part.subject === `scan.${key}.frame` &&
              part.part !== 'end' &&
              part.sequence <= last &&
              parts.findIndex((other) => other.subject === part.subject && other.part === part.part) === at,
          );
          expect(listed).toEqual(firsts);
        }
      }),
    );
  });

  it('comes to the same closings when a new owner reads again from the watermark, wherever the old one ended', () => {
    fc.assert(
      fc.property(interleaved, fc.nat(), (drafts, cut) => {
        const parts = stored(drafts);
        const undisturbed = new Map(closings(foldAll(newFold(), parts)).map((closed) => [closed.key, closed]));
        const first = newFold();
        const before = parts.slice(0, cut % (parts.length + 1));
        const early = closings(foldAll(first, before));
        const watermark = first.lowestOpen ?? first.lastFolded + 1;
        const second = newFold();
        for (const { key, last, closedAt } of early)
          second.tombstones.add(key, { last, closedAtMs: closedAt, complete: true });
        const later = closings(foldAll(second, parts.slice(watermark - 1)));
        expect(second.counts.late).toBe(0);
        expect(new Map([...early, ...later].map((closed) => [closed.key, closed]))).toEqual(undisturbed);
        expect(early.length + later.length).toBe(undisturbed.size);
      }),
    );
  });

  it('closes a key again with the same content when its gather event was not stored before the owner ended', () => {
    fc.assert(
      fc.property(interleaved, fc.nat(), (drafts, cut) => {
        const parts = stored(drafts);
        const undisturbed = new Map(closings(foldAll(newFold(), parts)).map((closed) => [closed.key, closed]));
        const first = newFold();
        const early = closings(foldAll(first, parts.slice(0, cut % (parts.length + 1))));
        // None of the early ones is known to the next owner: the outbox held the watermark at their first messages.
        const watermark = Math.min(first.lowestOpen ?? first.lastFolded + 1, ...early.map((closed) => closed.first));
        const later = closings(foldAll(newFold(), parts.slice(watermark - 1)));
        for (const closed of early) expect(later).toContainEqual(closed);
        expect(new Map(later.map((closed) => [closed.key, closed]))).toEqual(undisturbed);
      }),
    );
  });

  it('closes an incomplete key after its gap in server time, not before, and names what is missing', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 29 }), { minLength: 1, maxLength: 29 }), (came) => {
        const fold = newFold();
        const parts = stored([
          ...came.map((index) => ({ key: 'a', mark: `projection:${index}` })),
          { key: 'a', mark: 'end', expect: 'projection=30' },
        ]);
        expect(foldAll(fold, parts)).toEqual([]);
        const lastAt = parts.at(-1)?.timeMs ?? 0;
        expect(fold.closeDue(lastAt + 999)).toEqual([]);
        const [closed] = fold.closeDue(lastAt + 50_000);
        expect(closed).toMatchObject({ reason: 'gap', closedAt: lastAt + 1_000, parts: { projection: came.length } });
        const missing = (closed?.missing['projection'] ?? []).flatMap(([from, to]) =>
          Array.from({ length: to - from + 1 }, (_, at) => from + at),
        );
        expect([...missing, ...came].sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, index) => index));
      }),
    );
  });

  it('closes by timeout a key that never falls silent', () => {
    const fold = newFold();
    for (let second = 0; second < 59; second++) {
      fold.fold({
        subject: 'scan.a.frame',
        sequence: second + 1,
        timeMs: second * 900,
        bytes: 1,
        part: `p:${second}`,
        expect: undefined,
      });
      expect(fold.closeDue(second * 900)).toEqual([]);
    }
    const short = new GatherFold({ ...rules, timeoutMs: 500 }, 1e12);
    short.fold({ subject: 'scan.a.frame', sequence: 1, timeMs: 0, bytes: 1, part: 'p:0', expect: undefined });
    expect(short.closeDue(500)[0]).toMatchObject({ reason: 'timeout', closedAt: 500 });
  });

  it('takes the counts of the manifest where no end marker comes', () => {
    const fold = new GatherFold({ ...rules, counts: new Map([['p', 2]]) }, 1e12);
    const closed = closings(
      foldAll(
        fold,
        stored([
          { key: 'a', mark: 'p:0' },
          { key: 'a', mark: 'p:0' },
          { key: 'a', mark: 'p:7' },
        ]),
      ),
    );
    expect(closed).toMatchObject([{ reason: 'complete', first: 1, last: 3, doubles: 1, parts: { p: 2 } }]);
  });

  it('closes at a number for all kinds together, whatever the kinds, and names what is missing where there is one', () => {
    const drafts = fc.uniqueArray(fc.record({ kind: fc.constantFrom('dark', 'p'), index: fc.nat({ max: 9 }) }), {
      minLength: 2,
      selector: ({ kind, index }) => `${kind}:${index}`,
    });
    fc.assert(
      fc.property(drafts, (parts) => {
        const fold = new GatherFold({ ...rules, counts: new Map([[anyKind, parts.length]]) }, 1e12);
        const marks = parts.map(({ kind, index }) => ({ key: 'a', mark: `${kind}:${index}` }));
        // Each comes twice: doubles count once, and the last new one closes.
        const messages = stored([...marks.slice(0, -1), ...marks.slice(0, -1), ...marks.slice(-1)]);
        expect(closings(foldAll(fold, messages.slice(0, -1)))).toEqual([]);
        const closed = closings(foldAll(fold, messages.slice(-1)));
        expect(closed).toMatchObject([{ reason: 'complete', missing: {} }]);
      }),
    );
    const short = new GatherFold({ ...rules, counts: new Map([[anyKind, 4]]) }, 1e12);
    foldAll(
      short,
      stored([
        { key: 'a', mark: 'p:0' },
        { key: 'a', mark: 'p:3' },
        { key: 'b', mark: 'p:0' },
        { key: 'b', mark: 'dark:0' },
      ]),
    );
    expect(short.closeDue(9_000).map(({ key, missing }) => [key, missing])).toEqual([
      ['a', { p: [[1, 2]] }],
      ['b', {}],
    ]);
    const marked = new GatherFold({ ...rules, counts: new Map([[anyKind, 9]]) }, 1e12);
    const end = { key: 'a', mark: 'end', expect: 'p=1' };
    expect(closings(foldAll(marked, stored([{ key: 'a', mark: 'p:0' }, end])))).toMatchObject([{ reason: 'complete' }]);
  });

  it('counts and names what comes after the close: doubles within the grace, late ones after it', () => {
    const fold = newFold();
    foldAll(
      fold,
      stored([
        { key: 'a', mark: 'p:0' },
        { key: 'a', mark: 'end', expect: 'p=1' },
      ]),
    );
    const after = (sequence: number, timeMs: number, part: string) =>
      fold.fold({ subject: 'scan.a.frame', sequence, timeMs, bytes: 1, part, expect: undefined });
    expect(after(3, 2_000, 'p:0')).toEqual([]);
    expect(fold.counts.doubles).toBe(1);
    expect(after(4, 100_000, 'p:0')).toMatchObject([{ kind: 'late', key: 'a', count: 1 }]);
    expect(after(5, 100_000, 'end')).toEqual([]);
    // After the tombstone's age it is a key of its own.
    expect(after(6, 25 * 3_600_000, 'p:0')).toEqual([]);
    expect(fold.openKeys).toBe(1);
  });

  it.each([
    [undefined, 'no header'],
    ['frame7', 'not "<kind>:<index>"'],
    ['Dark:1', 'not "<kind>:<index>"'],
    ['dark:-1', 'not "<kind>:<index>"'],
    ['dark:01', 'not "<kind>:<index>"'],
    ['dark:65536', 'over the bound'],
  ])('refuses a message whose part header is %j', (part, why) => {
    const fold = newFold();
    const effects = fold.fold({ subject: 'scan.a.frame', sequence: 1, timeMs: 1, bytes: 1, part, expect: undefined });
    expect(effects).toMatchObject([{ kind: 'refused', reason: expect.stringContaining(why) }]);
    expect(fold.openKeys).toBe(0);
  });

  it('refuses an end marker whose counts cannot be read', () => {
    for (const expected of ['dark', 'dark=x', 'dark=1,dark=2', 'dark=1;flat=2', 'Dark=1']) {
      const effects = newFold().fold({
        subject: 'scan.a.frame',
        sequence: 1,
        timeMs: 1,
        bytes: 1,
        part: 'end',
        expect: expected,
      });
      expect(effects).toMatchObject([{ kind: 'refused' }]);
    }
  });

  it('closes the oldest key as "storage" when open keys hold half of the stream, or are too many', () => {
    const small = new GatherFold(rules, 100);
    const closed = closings(
      foldAll(
        small,
        stored([
          { key: 'a', mark: 'p:0' },
          { key: 'b', mark: 'p:0' },
          { key: 'a', mark: 'p:1' },
          { key: 'b', mark: 'p:1' },
          { key: 'b', mark: 'p:2' },
          { key: 'c', mark: 'p:0' },
        ]),
      ),
    );
    expect(closed).toMatchObject([{ key: 'a', reason: 'storage', parts: { p: 2 } }]);
    expect(small.openBytes).toBe(40);
    const many = newFold();
    const drafts = Array.from({ length: openKeysMax + 1 }, (_, at) => ({ key: `k${at}`, mark: 'p:0' }));
    expect(closings(foldAll(many, stored(drafts)))).toMatchObject([{ key: 'k0', reason: 'storage' }]);
    expect(many.openKeys).toBe(openKeysMax);
  });
});
