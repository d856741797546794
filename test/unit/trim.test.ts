/** What leaves the stream: never what a trigger could still need, never what is younger than the duplicate window. */
import { describe, expect, it } from 'vitest';
import { matchSubject, patternCovers } from '#model';
import { Trigger } from '#proto';
import {
  type ClosedSpan,
  compileGather,
  decideTrims,
  type FoldEffect,
  GatherFold,
  type GatherTrimTrigger,
  type PlainTrimTrigger,
  type TrimSnapshot,
} from '#routing';
import { fc } from '../harness/properties.ts';

const base: TrimSnapshot = {
  triggers: [],
  outputs: [],
  firstSequence: 1,
  lastSequence: 100,
  bytes: 0,
  bytesMax: 1_000,
  agedBefore: 101,
};
const plain = (pattern: string, ackFloor: number, ackPending = 1): PlainTrimTrigger => ({
  kind: 'plain',
  pattern,
  lag: { pending: 0, ackPending, ackFloor },
});
const gather = (pattern: string, watermark: number, keys: readonly ClosedSpan[]): GatherTrimTrigger => ({
  kind: 'gather',
  pattern,
  watermark,
  keys,
});

describe('decideTrims()', () => {
  it('goes up to the lowest ack floor of all triggers on the subject', () => {
    const triggers = [plain('a.*', 50), plain('a.b', 20), plain('c', 90)];
    expect(decideTrims({ ...base, triggers })).toEqual([
      { filter: 'a.*', before: 21 },
      { filter: 'a.b', before: 21 },
      { filter: 'c', before: 91 },
    ]);
  });

  it('lets nothing go that is younger than the duplicate window, or whose consumer cannot be read', () => {
    expect(decideTrims({ ...base, triggers: [plain('a', 50)], agedBefore: 30 })).toEqual([{ filter: 'a', before: 30 }]);
    expect(
      decideTrims({ ...base, triggers: [plain('a', 50), { kind: 'plain', pattern: '>', lag: undefined }] }),
    ).toEqual([]);
    expect(
      decideTrims({ ...base, triggers: [{ kind: 'gather', pattern: 'a', watermark: undefined, keys: [] }] }),
    ).toEqual([]);
  });

  it('takes an idle consumer as done with all that was stored, not only with its own last message', () => {
    expect(decideTrims({ ...base, triggers: [plain('a.>', 80), plain('a.b', 3, 0)] })).toContainEqual({
      filter: 'a.>',
      before: 81,
    });
  });

  it('releases a finished key by its own subject while an older one is open, and keeps a pinned one', () => {
    const keys = [
      { subject: 'scan.2.frame', first: 20, last: 40, finished: true },
      { subject: 'scan.3.frame', first: 21, last: 50, finished: false },
    ];
    expect(decideTrims({ ...base, triggers: [gather('scan.*.frame', 10, keys)] })).toEqual([
      { filter: 'scan.*.frame', before: 10 },
      { filter: 'scan.2.frame', before: 41 },
    ]);
    // Another function on the same frames has not acked them.
    expect(decideTrims({ ...base, triggers: [gather('scan.*.frame', 10, keys), plain('scan.>', 30)] })).toEqual([
      { filter: 'scan.*.frame', before: 10 },
      { filter: 'scan.>', before: 10 },
    ]);
  });

  it('lets results that nobody reads go only when the stream is nearly full', () => {
    const outputs = ['recon.*'];
    expect(decideTrims({ ...base, outputs, bytes: 799 })).toEqual([]);
    expect(decideTrims({ ...base, outputs, bytes: 800 })).toEqual([{ filter: 'recon.*', before: 11 }]);
    expect(decideTrims({ ...base, outputs, bytes: 800, triggers: [plain('recon.7', 5)] })).toEqual([
      { filter: 'recon.7', before: 6 },
    ]);
  });

  it('never lets go what a trigger could still need, nor what is too young', () => {
    const message = fc.record({
      scan: fc.constantFrom('1', '2', '3'),
      leaf: fc.constantFrom('frame', 'rows'),
      index: fc.integer({ min: 0, max: 5 }),
      end: fc.boolean(),
    });
    const scenario = fc.record({
      messages: fc.array(message, { minLength: 1, maxLength: 60 }),
      plains: fc.array(
        fc.record({
          pattern: fc.constantFrom('scan.>', 'scan.*.frame', 'scan.1.*', 'other'),
          acked: fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }),
          delivered: fc.nat(60),
        }),
        { maxLength: 3 },
      ),
      gathers: fc.array(
        fc.record({
          pattern: fc.constantFrom('scan.*.frame', 'scan.*.*', 'scan.*.rows'),
          read: fc.nat(60),
          finished: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
        }),
        { maxLength: 3 },
      ),
      aged: fc.integer({ min: 1, max: 61 }),
      full: fc.boolean(),
    });
    fc.assert(
      fc.property(scenario, ({ messages, plains, gathers, aged, full }) => {
        const stored = messages.map(({ scan, leaf }, at) => ({ subject: `scan.${scan}.${leaf}`, sequence: at + 1 }));
        const needs: ((subject: string, sequence: number) => boolean)[] = [];
        const triggers: (PlainTrimTrigger | GatherTrimTrigger)[] = [];
        for (const { pattern, acked, delivered } of plains) {
          const own = stored.filter(({ subject }) => matchSubject(pattern, subject));
          const isAcked = (sequence: number) => sequence <= delivered && acked[sequence - 1] === true;
          const open = own.find(({ sequence }) => !isAcked(sequence));
          const floor = own.filter(({ sequence }) => sequence < (open?.sequence ?? 1_000)).at(-1)?.sequence ?? 0;
          const ackPending = own.filter(({ sequence }) => sequence <= delivered && !isAcked(sequence)).length;
          triggers.push({
            kind: 'plain',
            pattern,
            lag: { pending: own.filter(({ sequence }) => sequence > delivered).length, ackPending, ackFloor: floor },
          });
          needs.push((subject, sequence) => matchSubject(pattern, subject) !== undefined && !isAcked(sequence));
        }
        for (const { pattern, read, finished } of gathers) {
          const rules = compileGather(
            Trigger.fromPartial({
              name: 't',
              subject: pattern,
              gather: { key: '{1}', gapMs: 1_000, timeoutMs: 0, onIncomplete: 'run' },
            }),
          );
          const fold = new GatherFold(rules, 1e12);
          const own = stored.filter(({ subject, sequence }) => sequence <= read && matchSubject(pattern, subject));
          const closed = own
            .flatMap(({ subject, sequence }): readonly FoldEffect[] => {
              const draft = messages[sequence - 1]!;
              return fold.fold({
                subject,
                sequence,
                timeMs: sequence,
                bytes: 1,
                part: draft.end ? 'end' : `p:${draft.index}`,
                expect: draft.end ? 'p=2' : undefined,
              });
            })
            .flatMap((effect) => (effect.kind === 'closed' ? [effect.closed] : []));
          const keys = closed.map(({ subject, first, last }, at) => ({
            subject,
            first,
            last,
            finished: finished[at % 6] === true,
          }));
          triggers.push({ kind: 'gather', pattern, watermark: fold.lowestOpen ?? fold.lastFolded + 1, keys });
          const closedKeys = new Map(closed.map(({ key }, at) => [key, keys[at]!]));
          needs.push((subject, sequence) => {
            if (!matchSubject(pattern, subject)) return false;
            const span = closedKeys.get(rules.keyOf(subject));
            if (span) return sequence <= span.last ? !span.finished : sequence > read;
            // Not closed: it is open, or not read yet.
            return true;
          });
        }
        const snapshot = {
          triggers,
          outputs: ['scan.*.rows', 'recon.*'],
          firstSequence: 1,
          lastSequence: stored.length,
          bytes: full ? 900 : 100,
          bytesMax: 1_000,
          agedBefore: aged,
        };
        const trims = decideTrims(snapshot);
        for (const { subject, sequence } of stored) {
          const goes = trims.some(({ filter, before }) => sequence < before && matchSubject(filter, subject));
          if (!goes) continue;
          expect(sequence).toBeLessThan(aged);
          for (const need of needs) expect(need(subject, sequence)).toBe(false);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('patternCovers()', () => {
  it.each([
    ['scan.7.*', 'scan.7.rows', true],
    ['scan.7.*', 'scan.*.rows', false],
    ['scan.>', 'scan.*.rows', true],
    ['scan.>', 'scan', false],
    ['scan.*', 'scan.>', false],
    ['a.b', 'a.b', true],
    ['a.b', 'a.b.c', false],
  ])('%s over %s: %s', (outer, inner, answer) => expect(patternCovers(outer, inner)).toBe(answer));
});
