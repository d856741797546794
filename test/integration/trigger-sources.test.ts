/** Events by the clock and from files, on a real nats-server: each once, whoever dies meanwhile. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gatherKey } from '#broker';
import { Trigger } from '#proto';
import { BareBroker } from '../harness/bare-broker.ts';
import { eventually } from '../harness/eventually.ts';
import { SourceNode, storedEvents, wantedSource } from '../harness/source-node.ts';

function cron(missed = 'all'): Trigger {
  const subject = 'pilotfish.cron.f.on0';
  return Trigger.fromPartial({ name: 'on0', subject, cron: { schedule: '* * * * * *', timezone: 'UTC', missed } });
}

function files(directory: string, more: object = {}): Trigger {
  return Trigger.fromPartial({
    name: 'on0',
    subject: 'pilotfish.file.f.on0.*',
    files: { directory, match: '*.h5', ready: 'settled', pollMs: 300, existing: false, ...more },
  });
}

class Directory {
  readonly path = mkdtempSync(join(tmpdir(), 'pilotfish-arrivals-'));
  write(name: string, text = name): void {
    writeFileSync(join(this.path, name), text);
  }
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

async function untilStored(broker: BareBroker, subject: string, count: number) {
  await eventually(async () => (await storedEvents(broker, subject)).length >= count, {
    timeoutMs: 30_000,
    what: `${count} events on ${subject}`,
  });
  return storedEvents(broker, subject);
}

/** The node, once it runs the source. */
async function owning(node: SourceNode): Promise<SourceNode> {
  await eventually(() => node.owns(), { timeoutMs: 15_000, what: 'the node runs the source' });
  return node;
}

describe('a cron trigger', () => {
  it('fires once a second, also when its owner is killed: no second is left out, none is doubled', async () => {
    await using broker = await BareBroker.start();
    const first = await owning(await SourceNode.start(broker, 'n1', wantedSource(cron())));
    await using second = await SourceNode.start(broker, 'n2', wantedSource(cron()));
    const before = await untilStored(broker, 'pilotfish.cron.f.on0', 2);
    await first.cut();
    await owning(second);
    const events = await untilStored(broker, 'pilotfish.cron.f.on0', before.length + 5);
    const times = events.map(({ payload }) => Date.parse(payload.scheduled));
    expect(times).toEqual(times.map((_, at) => (times[0] ?? 0) + at * 1_000));
    expect(events[0]?.id).toBe(`cron.f.on0.${times[0]}`);
    await first.sources.close();
  }, 60_000);

  it('makes no fires while it is paused, and makes up for them by its policy', async () => {
    await using broker = await BareBroker.start();
    const paused = [{ name: 'on0', paused: true, replayFromMs: 0, replayAtMs: 0 }];
    await using node = await owning(await SourceNode.start(broker, 'n1', wantedSource(cron(), paused)));
    const resumedAfter = Date.now() + 3_000;
    await eventually(() => Date.now() > resumedAfter, { timeoutMs: 10_000, what: 'three fires are missed' });
    expect(await storedEvents(broker, 'pilotfish.cron.f.on0')).toEqual([]);
    node.sources.follow([wantedSource(cron())]);
    const events = await untilStored(broker, 'pilotfish.cron.f.on0', 3);
    const times = events.map(({ payload }) => Date.parse(payload.scheduled));
    expect(times).toEqual(times.map((_, at) => (times[0] ?? 0) + at * 1_000));
    expect(times[0]).toBeLessThan(resumedAfter);
  }, 60_000);
});

describe('a files trigger', () => {
  it('tells each file once, when it has settled, also when its owner is killed; links and others are none', async () => {
    await using broker = await BareBroker.start();
    using directory = new Directory();
    directory.write('before.h5');
    const first = await owning(await SourceNode.start(broker, 'n1', wantedSource(files(directory.path))));
    await using second = await SourceNode.start(broker, 'n2', wantedSource(files(directory.path)));
    // The first look passes over what lies there.
    await eventually(async () => first.told.length === 0 && (await first.owns()), { timeoutMs: 5_000, what: 'a look' });
    const looked = Date.now() + 1_500;
    await eventually(() => Date.now() > looked, { timeoutMs: 5_000, what: 'the first look is over' });
    for (let at = 0; at < 20; at++) directory.write(`scan_${at}.h5`);
    directory.write('notes.txt');
    symlinkSync('/etc/passwd', join(directory.path, 'link.h5'));
    await untilStored(broker, 'pilotfish.file.f.on0.*', 5);
    await first.cut();
    for (let at = 20; at < 40; at++) directory.write(`scan_${at}.h5`);
    await owning(second);
    const events = await untilStored(broker, 'pilotfish.file.f.on0.*', 40);
    const names = events.map(({ payload }) => payload.name).sort();
    expect(names).toEqual(Array.from({ length: 40 }, (_, at) => `scan_${at}.h5`).sort());
    expect(events[0]).toMatchObject({
      subject: expect.stringMatching(/^ev\.pilotfish\.file\.f\.on0\.scan_\d+$/),
      payload: { path: expect.stringContaining(directory.path), bytes: expect.any(Number) },
    });
    await first.sources.close();
    // A third owner knows all of them.
    await second.sources.close();
    await using third = await owning(await SourceNode.start(broker, 'n3', wantedSource(files(directory.path))));
    directory.write('last.h5');
    const after = await untilStored(broker, 'pilotfish.file.f.on0.*', 41);
    expect(after.map(({ payload }) => payload.name).at(-1)).toBe('last.h5');
    expect(after).toHaveLength(41);
    expect(third.told).toEqual([]);
  }, 90_000);

  it('that appear whole, by rename, and those that are there already where that is wanted', async () => {
    await using broker = await BareBroker.start();
    using directory = new Directory();
    directory.write('before.h5');
    const trigger = files(directory.path, { ready: 'renamed', existing: true, pollMs: 60_000 });
    await using node = await owning(await SourceNode.start(broker, 'n1', wantedSource(trigger)));
    await untilStored(broker, 'pilotfish.file.f.on0.*', 1);
    directory.write('.half');
    renameSync(join(directory.path, '.half'), join(directory.path, 'whole.h5'));
    // Sooner than the poll: inotify is here.
    const events = await untilStored(broker, 'pilotfish.file.f.on0.*', 2);
    expect(events.map(({ payload }) => payload.name)).toEqual(['before.h5', 'whole.h5']);
    expect(node.told).toEqual([]);
  }, 60_000);

  it('says why a directory cannot be read, and finds it once it is there', async () => {
    await using broker = await BareBroker.start();
    using directory = new Directory();
    const later = join(directory.path, 'later');
    const trigger = files(later, { existing: true });
    await using node = await owning(await SourceNode.start(broker, 'n1', wantedSource(trigger)));
    await eventually(() => node.told.length > 0, { timeoutMs: 10_000, what: 'it is told' });
    expect(node.told[0]).toContain(`${later} cannot be read`);
    renameSync(mkdtempSync(join(tmpdir(), 'pilotfish-later-')), later);
    writeFileSync(join(later, 'a.h5'), 'a');
    expect((await untilStored(broker, 'pilotfish.file.f.on0.*', 1))[0]?.payload.name).toBe('a.h5');
  }, 60_000);

  it('arrive also with their directory, which was not there when the trigger was made', async () => {
    await using broker = await BareBroker.start();
    using directory = new Directory();
    const [made, mounted] = ['made', join('mnt', 'mounted')].map((name) => join(directory.path, name));
    await using one = await owning(await SourceNode.start(broker, 'n1', wantedSource(files(made ?? ''))));
    await eventually(() => one.told.length > 0, { timeoutMs: 10_000, what: 'it is told' });
    mkdirSync(made ?? '');
    writeFileSync(join(made ?? '', 'first.h5'), 'a');
    expect((await untilStored(broker, 'pilotfish.file.f.on0.*', 1))[0]?.payload.name).toBe('first.h5');
    await one.sources.close();
    // Of a file system that is mounted late the folder above is missing, too: what it holds lay there before.
    await using other = await BareBroker.start();
    await using two = await owning(await SourceNode.start(other, 'n1', wantedSource(files(mounted ?? ''))));
    await eventually(() => two.told.length > 0, { timeoutMs: 10_000, what: 'it is told' });
    const mount = mkdtempSync(join(tmpdir(), 'pilotfish-mount-'));
    mkdirSync(join(mount, 'mounted'));
    writeFileSync(join(mount, 'mounted', 'old.h5'), 'a');
    renameSync(mount, join(directory.path, 'mnt'));
    const { buckets } = await other.member('agent', 'n2');
    await eventually(
      async () => (await buckets.gatherMarks.get(`${gatherKey('f', 'on0')}.source`))?.json<{ begun: boolean }>().begun,
      {
        timeoutMs: 10_000,
        what: 'the old file is known',
      },
    );
    writeFileSync(join(mounted ?? '', 'new.h5'), 'a');
    expect((await untilStored(other, 'pilotfish.file.f.on0.*', 1))[0]?.payload.name).toBe('new.h5');
  }, 60_000);
});
