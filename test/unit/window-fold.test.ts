/** Windows by count and time: late, double, missing and reordered events, and owners that take over anywhere. */
import { describe, expect, it } from 'vitest';
import { Trigger } from '#proto';
import {
  type ClosedKey,
  compileWindow,
  decodeGatherEvent,
  encodeGatherEvent,
  type FoldEffect,
  splitPlace,
  WindowFold,
} from '#routing';
import { fc } from '../harness/properties.ts';

const zero = {
  key: '{1}',
  count: 0,
  countSlide: 0,
  timeMs: 0,
  timeSlideMs: 0,
  clock: '',
  latenessMs: 0,
  timeoutMs: 600_000,
};

function rulesOf(window: Partial<typeof zero>) {
  return compileWindow(Trigger.fromPartial({ name: 't', subject: 's.*', window: { ...zero, ...window } }));
}

interface Draft {
  readonly key: string;
  /** The event's own time. */
  readonly at?: number;
  /** Stored so long after the one before. */
  readonly step?: number;
  readonly id?: string;
  /** It is a pack of so many. */
  readonly pack?: number;
}

function stored(drafts: readonly Draft[]) {
  let timeMs = 1_000_000;
  return drafts.map(({ key, at, step = 1, id = '', pack }, index) => {
    timeMs += step;
    const headers: Record<string, string> = {};
    if (at !== undefined) headers['X-Time'] = String(at);
    if (id !== '') headers['Nats-Msg-Id'] = id;
    if (pack !== undefined) headers['Pilotfish-Pack'] = `1 ${pack}`;
    return { subject: `s.${key}`, sequence: index + 1, timeMs, bytes: 10, part: undefined, expect: undefined, headers };
  });
}

type Stored = ReturnType<typeof stored>[number];

const sequencesOf = (closed: ClosedKey) => decodeGatherEvent(encodeGatherEvent(closed, 'EVENTS')).sequences;
const brief = (closed: ClosedKey) => `${closed.key}: ${sequencesOf(closed).join(' ')} ${closed.reason}`;
const closedOf = (effects: readonly FoldEffect[]) =>
  effects.flatMap((one) => (one.kind === 'closed' ? [one.closed] : []));

/** Folds all of it, and then lets all time pass. */
function run(rules: ReturnType<typeof rulesOf>, events: readonly Stored[]) {
  const fold = new WindowFold(rules, Number.POSITIVE_INFINITY);
  const effects = events.flatMap((event) => [...fold.fold(event)]);
  const rest = fold.closeDue(10 ** 12);
  return { fold, closed: [...closedOf(effects), ...rest], late: effects.filter(({ kind }) => kind === 'late') };
}

/** The same with owners that are killed: what is closed is stored once by its key, and each next owner reads from the watermark. */
function runWithTakeovers(rules: ReturnType<typeof rulesOf>, events: readonly Stored[], cuts: ReadonlySet<number>) {
  const published = new Map<string, ClosedKey>();
  const publish = (closed: ClosedKey) => {
    if (!published.has(closed.key)) published.set(closed.key, closed);
  };
  let fold = new WindowFold(rules, Number.POSITIVE_INFINITY);
  for (const [at, event] of events.entries()) {
    for (const closed of closedOf(fold.fold(event))) publish(closed);
    if (!cuts.has(at)) continue;
    const watermark = fold.lowestOpen ?? fold.lastFolded + 1;
    fold = new WindowFold(rules, Number.POSITIVE_INFINITY);
    for (const [name, { last, closedAt, window }] of published)
      fold.known(name, {
        last,
        ...(window?.last === undefined ? {} : { lastPlace: window.last }),
        closedAtMs: closedAt,
        next: window?.next ?? 0,
        clockMs: window?.clockMs ?? 0,
        skips: window?.skips ?? [],
      });
    for (const again of events.slice(watermark - 1, at + 1))
      for (const closed of closedOf(fold.fold(again))) publish(closed);
  }
  for (const closed of fold.closeDue(10 ** 12)) publish(closed);
  return [...published.values()];
}

const keys = fc.constantFrom('a', 'b', 'c');

describe('windows by count', () => {
  it('close when they are full, and those left over by their timeout', () => {
    const drafts = ['a', 'b', 'a', 'a', 'b', 'a', 'a'].map((key) => ({ key }));
    const { closed } = run(rulesOf({ count: 3, countSlide: 3 }), stored(drafts));
    expect(closed.map(brief)).toEqual(['a.1: 1 3 4 complete', 'b.2: 2 5 timeout', 'a.6: 6 7 timeout']);
  });

  it('slide by so many events', () => {
    const drafts = Array.from({ length: 7 }, () => ({ key: 'a' }));
    const { closed } = run(rulesOf({ count: 4, countSlide: 2 }), stored(drafts));
    expect(closed.map(brief)).toEqual(['a.1: 1 2 3 4 complete', 'a.3: 3 4 5 6 complete', 'a.5: 5 6 7 timeout']);
  });

  it('time out by what the stream says, whenever somebody looks', () => {
    const events = stored([{ key: 'a' }, { key: 'a', step: 700_000 }, { key: 'a' }]);
    const { closed } = run(rulesOf({ count: 2, countSlide: 2 }), events);
    expect(closed.map(brief)).toEqual(['a.1: 1 timeout', 'a.2: 2 3 complete']);
  });

  it('hold each event as often as they overlap, in order, doubles once, whoever takes over where', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.record({ key: keys, id: fc.constantFrom('', 'x', 'y', 'z') }), { maxLength: 80 }),
        fc.uniqueArray(fc.nat(79), { maxLength: 6 }),
        (count, slide, drafts, cuts) => {
          const rules = rulesOf({ count, countSlide: Math.min(slide, count) });
          const events = stored(drafts);
          const { closed, late } = run(rules, events);
          expect(late).toEqual([]);
          for (const one of closed.filter(({ reason }) => reason === 'complete'))
            expect(sequencesOf(one)).toHaveLength(count);
          const told = new Set(closed.flatMap(sequencesOf));
          for (const { sequence, headers } of events) if (!headers['Nats-Msg-Id']) expect(told).toContain(sequence);
          const taken = runWithTakeovers(rules, events, new Set(cuts));
          expect(taken.map(brief).sort()).toEqual(closed.map(brief).sort());
        },
      ),
    );
  });
});

describe('packs', () => {
  it('are as many events as they hold, and a window may begin and end inside of one', () => {
    const drafts = [{ key: 'a', pack: 3 }, { key: 'a' }, { key: 'a', pack: 2 }];
    const { closed } = run(rulesOf({ count: 4, countSlide: 2 }), stored(drafts));
    const places = (one: ClosedKey) => sequencesOf(one).map(splitPlace);
    expect(closed.map(places)).toEqual([
      [1, 1, 1, 2].map((sequence, at) => ({ sequence, member: [0, 1, 2, 0][at] })),
      [1, 2, 3, 3].map((sequence, at) => ({ sequence, member: [2, 0, 0, 1][at] })),
    ]);
    expect(closed.map(({ key, first, last }) => [key, first, last])).toEqual([
      ['a.1', 1, 2],
      ['a.1-2', 1, 3],
    ]);
  });

  it.each([
    [{ clock: 'x-time', timeMs: 10, timeSlideMs: 10 }, '1 3', 'with a clock of their own'],
    [{ count: 2, countSlide: 2 }, '2 3', 'cannot be read'],
    [{ count: 2, countSlide: 2 }, '1 257', 'cannot be read'],
  ])('are refused with a reason: %j, %s', (window, pack, reason) => {
    const [event] = stored([{ key: 'a' }]);
    const fold = new WindowFold(rulesOf(window), Number.POSITIVE_INFINITY);
    const effects = event && fold.fold({ ...event, headers: { 'Pilotfish-Pack': pack } });
    expect(effects).toMatchObject([{ kind: 'refused', reason: expect.stringContaining(reason) }]);
  });

  it('give the windows that their events would give alone, whoever takes over where', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 7 }),
        fc.array(fc.record({ key: keys, pack: fc.integer({ min: 1, max: 9 }) }), { maxLength: 40 }),
        fc.uniqueArray(fc.nat(39), { maxLength: 6 }),
        (count, slide, drafts, cuts) => {
          const rules = rulesOf({ count, countSlide: Math.min(slide, count) });
          const events = stored(drafts);
          const alone = stored(drafts.flatMap(({ key, pack }) => Array.from({ length: pack }, () => ({ key }))));
          const placesOfAlone = events.flatMap(({ sequence }, at) =>
            Array.from({ length: drafts[at]?.pack ?? 0 }, (_, member) => sequence + member / 256),
          );
          const { closed } = run(rules, events);
          const expected = run(rules, alone).closed.map((one) =>
            sequencesOf(one).map((sequence) => placesOfAlone[sequence - 1]),
          );
          const sorted = (lists: readonly (readonly unknown[])[]) => lists.map((list) => list.join()).sort();
          expect(sorted(closed.map(sequencesOf))).toEqual(sorted(expected));
          const taken = runWithTakeovers(rules, events, new Set(cuts));
          expect(taken.map(brief).sort()).toEqual(closed.map(brief).sort());
        },
      ),
    );
  });
});

describe('windows by time', () => {
  const timed = { timeMs: 100, timeSlideMs: 100 };
  const own = { ...timed, clock: 'x-time', latenessMs: 50 };

  it('by the time of storing close with the first event after their end', () => {
    const { closed } = run(rulesOf(timed), stored([{ key: 'a' }, { key: 'a', step: 50 }, { key: 'a', step: 60 }]));
    expect(closed.map(brief)).toEqual(['a.1000000: 1 2 complete', 'a.1000100: 3 complete']);
    expect(closed[0]).toMatchObject({
      window: { key: 'a', startMs: 1_000_000, endMs: 1_000_100 },
      closedAt: 1_000_100,
    });
  });

  it("by the events' own time take them in any order, within their lateness; later ones are told", () => {
    const { closed, late } = run(
      rulesOf(own),
      stored([120, 10, 149, 90, 150, 20, 260].map((at) => ({ key: 'a', at: 1_000_000 + at }))),
    );
    // At 150 the window up to 100 is over, its lateness included: 20 comes too late.
    expect(closed.map(brief)).toEqual([
      'a.1000000: 2 4 complete',
      'a.1000100: 1 3 5 complete',
      'a.1000200: 7 complete',
    ]);
    expect(late).toMatchObject([{ key: 'a', part: { sequence: 6 } }]);
  });

  it('refuse an event without a time, or with one far ahead', () => {
    const fold = new WindowFold(rulesOf(own), Number.POSITIVE_INFINITY);
    const [none, ahead] = stored([{ key: 'a' }, { key: 'a', at: 10 ** 10 }]);
    expect(none && fold.fold(none)).toMatchObject([{ kind: 'refused', reason: 'its header x-time is no time' }]);
    expect(ahead && fold.fold(ahead)).toMatchObject([{ kind: 'refused', reason: expect.stringContaining('ahead') }]);
  });

  it('bound what is open: the oldest window gives way', () => {
    const fold = new WindowFold(rulesOf(timed), 100);
    const effects = stored(Array.from({ length: 8 }, (_, at) => ({ key: `k${at}` }))).flatMap((one) => [
      ...fold.fold(one),
    ]);
    expect(closedOf(effects).map(brief)[0]).toBe('k0.1000000: 1 storage');
    expect(fold.openKeys).toBe(5);
  });

  it('hold each event that is not late in all its windows, none twice, whoever takes over where', () => {
    const draft = fc.record({
      key: keys,
      at: fc.integer({ min: 1_000_000, max: 1_001_000 }),
      step: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.constantFrom(25, 50, 100),
        fc.array(draft, { maxLength: 60 }),
        fc.uniqueArray(fc.nat(59), { maxLength: 5 }),
        (ownTime, timeSlideMs, drafts, cuts) => {
          const rules = rulesOf({ ...(ownTime ? own : timed), timeSlideMs });
          const events = stored(drafts);
          const { closed, late, fold } = run(rules, events);
          for (const one of closed) {
            const sequences = sequencesOf(one);
            expect(new Set(sequences).size).toBe(sequences.length);
            for (const sequence of sequences) {
              const event = events[sequence - 1];
              const at = ownTime ? Number(event?.headers['X-Time']) : (event?.timeMs ?? 0);
              expect(at).toBeGreaterThanOrEqual(one.window?.startMs ?? Number.POSITIVE_INFINITY);
              expect(at).toBeLessThan(one.window?.endMs ?? 0);
            }
          }
          expect(new Set(closed.map(({ key }) => key)).size).toBe(closed.length);
          const told = new Set(closed.flatMap(sequencesOf));
          expect(told.size + late.length).toBe(events.length);
          expect(fold.openKeys).toBe(0);
          const taken = runWithTakeovers(rules, events, new Set(cuts));
          expect(taken.map(brief).sort()).toEqual(closed.map(brief).sort());
        },
      ),
    );
  });
});
