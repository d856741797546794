/** What an entry of `on` may say, what it means, and how it is refused: by line and column. */
import { describe, expect, it, test } from 'vitest';
import { parseManifest } from '#bundle';
import type { PlatformError } from '#common';
import type { Trigger } from '#proto';

function manifest(trigger: string, output = ''): string {
  return `functions:\n  f:\n    entry: f.ts\n    on:\n      - ${trigger}\n${output === '' ? '' : `    output: "${output}"\n`}`;
}

function triggerOf(trigger: string, output = ''): Trigger | undefined {
  return parseManifest(manifest(trigger, output), 'pilotfish.yaml')[0]?.spec.triggers[0];
}

function refusal(trigger: string, output = ''): string {
  try {
    triggerOf(trigger, output);
  } catch (error) {
    return (error as PlatformError).message;
  }
  return 'accepted';
}

describe('a trigger', () => {
  it('narrows its subject, begins somewhere, and replays', () => {
    expect(
      triggerOf(
        '{ subject: "scan.*", filter: { subjects: [scan.a, scan.b], headers: { kind: [dark, flat], operator: "*" } }, from: 2026-11-27T04:00:00Z, replay: 10 }',
      ),
    ).toMatchObject({
      name: 'on0',
      subject: 'scan.*',
      filter: {
        subjects: ['scan.a', 'scan.b'],
        headers: [
          { name: 'kind', values: ['dark', 'flat'] },
          { name: 'operator', values: [] },
        ],
      },
      start: { at: { $case: 'timeMs', timeMs: Date.UTC(2026, 10, 27, 4) } },
      replaySpeed: 10,
    });
    expect(triggerOf('{ subject: a, from: new }')?.start).toEqual({ at: { $case: 'new', new: true } });
    expect(triggerOf('{ subject: a, from: 17 }')?.start).toEqual({ at: { $case: 'sequence', sequence: 17 } });
    expect(triggerOf('{ subject: a, from: all }')?.start).toBeUndefined();
  });

  it('by the clock, by files and by HTTP has a subject of its own, whose wildcards the output may use', () => {
    expect(triggerOf('{ name: nightly, cron: { schedule: "0 2 * * *", timezone: Europe/Berlin } }')).toMatchObject({
      subject: 'pilotfish.cron.f.nightly',
      cron: { schedule: '0 2 * * *', timezone: 'Europe/Berlin', missed: 'last' },
    });
    expect(triggerOf('{ files: { directory: /scratch/in, match: "*.h5" } }', 'recon.{1}')).toMatchObject({
      subject: 'pilotfish.file.f.on0.*',
      files: { directory: '/scratch/in', match: '*.h5', ready: 'settled', pollMs: 2_000, existing: false },
    });
    expect(triggerOf('{ http: { path: "/scans/*/end", bodyMax: 64KiB } }', 'ended.{1}')).toMatchObject({
      subject: 'pilotfish.http.f.on0.*',
      http: { path: '/scans/*/end', answer: 'accepted', bodyBytesMax: 65_536 },
    });
  });

  it('by files gives its function the right to read the directory', () => {
    const [one] = parseManifest(manifest('{ files: { directory: /scratch/in } }'), 'pilotfish.yaml');
    expect(one?.spec.permissions?.read).toEqual(['/scratch/in']);
  });

  it('has windows by count and by time', () => {
    expect(
      triggerOf('{ subject: "s.*", window: { key: "{1}", count: 100, every: 10 } }', 'm.{1}')?.window,
    ).toMatchObject({
      key: '{1}',
      count: 100,
      countSlide: 10,
      timeMs: 0,
      timeoutMs: 600_000,
    });
    expect(
      triggerOf('{ subject: s, window: { time: 10s, every: 2s, clock: ce-time, lateness: 5s } }')?.window,
    ).toMatchObject({
      key: '',
      count: 0,
      timeMs: 10_000,
      timeSlideMs: 2_000,
      clock: 'ce-time',
      latenessMs: 5_000,
    });
  });
});

test.each([
  ['{ subject: a, from: 0 }', '5:29: "from" must be at least 1'],
  ['{ subject: a, from: 2.5 }', '5:29: "from" must be a text or a whole number'],
  ['{ subject: a, from: "17" }', '5:29: "17" is a text'],
  ['{ subject: a, from: "2026-11-27T04:00:00" }', '5:29: "2026-11-27T04:00:00" says no time zone'],
  ['{ subject: a, replay: 0 }', '5:31: "replay" must be more than 0'],
  ['{ subject: a, replay: 2e6 }', '5:31: "replay" must be at most 1000000'],
  ['{ subject: a, replay: fast }', '5:31: "replay" must be a number, not a text'],
  ['{ subject: a, window: { time: 3s, every: 0s } }', '"0s" is too short'],
  ['{ subject: a, gather: }', '5:31: "gather" must be a map of keys, not empty'],
  ['{ subject: a, filter: { subjects: [] } }', '"subjects" must have at least 1 entries'],
  ['{ name: x }', '5:9: a trigger needs a source of events'],
  ['{ subject: a, cron: { schedule: "* * * * *" } }', '5:29: a trigger has one source, not subject and cron'],
  ['{ cron: { schedule: "* * * * *" }, from: new }', '5:50: "from" belongs to a subject'],
  ['{ cron: { schedule: "61 * * * *" } }', '"61 * * * *" is no schedule'],
  ['{ cron: { schedule: "2020-01-01T00:00:00" } }', 'is no schedule'],
  ['{ cron: { schedule: "* * * * *", timezone: Europe/Berlim } }', '"Europe/Berlim" is no time zone'],
  ['{ cron: { schedule: "* * * * *", missed: some } }', '"missed"'],
  ['{ files: { directory: scratch } }', '5:31: "scratch" is no absolute path'],
  ['{ files: { directory: /a/../b } }', 'is no absolute path'],
  ['{ files: { directory: /a, match: "b/*" } }', 'files.match is a name'],
  ['{ files: { directory: /a, poll: 10ms } }', 'the shortest is 100ms'],
  ['{ http: { path: scans } }', '"path" is no path'],
  ['{ http: { path: / } }', '"path" is no path'],
  ['{ http: { path: /ui } }', '5:25: "/ui" is taken: "/", "/ui" and "/metrics"'],
  ['{ http: { path: "/ui/api/*" } }', '"/ui/api/*" is taken'],
  ['{ http: { path: /metrics } }', '"/metrics" is taken'],
  ['{ http: { path: "/s", bodyMax: 16MiB } }', '"16MiB" is out of range'],
  ['{ http: { path: "/s", answer: result, bodyMax: 9MiB } }', '"9MiB" is out of range'],
  ['{ subject: "a.*", filter: { subjects: [b.c] } }', '5:48: "b.c" is not within "a.*"'],
  ['{ subject: "a.>", filter: { subjects: ["a.*", a.b] } }', '"a.b" and "a.*" overlap'],
  ['{ subject: a, filter: {} }', 'a filter names subjects or headers'],
  ['{ subject: a, from: yesterday }', '5:29: "yesterday" is no beginning'],
  ['{ subject: a, replay: 0 }', '"replay"'],
  ['{ subject: "a.*", gather: { key: "{1}" }, from: new }', '"from" does not go with gather'],
  ['{ subject: "a.*", gather: { key: "{1}" }, window: { count: 2 } }', 'a trigger gathers or has windows, not both'],
  ['{ subject: a, window: {} }', 'a window has a count or a time'],
  ['{ subject: a, window: { count: 5, time: 1s } }', 'a window has a count or a time'],
  ['{ subject: a, window: { count: 5, every: 6 } }', 'events between would be left out'],
  ['{ subject: a, window: { count: 100, every: 1 } }', 'each event would be in 100 windows; the most is 64'],
  ['{ subject: a, window: { count: 5, every: 1s } }', 'with `count`, `every` is a number of events'],
  ['{ subject: a, window: { time: 5s, every: 3 } }', 'with `time`, `every` is a duration'],
  ['{ subject: a, window: { time: 5s, lateness: 3s } }', '`lateness` needs a `clock`'],
  ['{ subject: "a.*", window: { key: all, count: 5 } }', 'is not made of tokens of the subject'],
])('%s is refused: %s', (trigger, message) => {
  expect(refusal(trigger)).toContain(message);
  expect(refusal(trigger)).toMatch(/^pilotfish\.yaml:5:\d+: /);
});

test('a gather may stream its parts, but not into batches', () => {
  const streaming = '{ subject: "a.*", gather: { key: "{1}", streaming: true } }';
  expect(triggerOf(streaming)?.gather).toMatchObject({ key: '{1}', streaming: true, onIncomplete: 'dlq' });
  expect(triggerOf('{ subject: "a.*", gather: { key: "{1}" } }')?.gather?.streaming).toBe(false);
  const batched = `${manifest(streaming)}    batch: { size: 4 }\n`;
  expect(() => parseManifest(batched, 'pilotfish.yaml')).toThrow('5:60: "streaming" does not go with batch');
});

test('an output that needs what a window does not know is refused', () => {
  expect(refusal('{ subject: "a.*.*", window: { key: "{1}", count: 5 } }', 'b.{2}')).toContain(
    'is not part of the window key',
  );
  expect(refusal('{ subject: "a.*", window: { count: 5 } }', 'b.{1}')).toContain('is not part of the window key ""');
});
