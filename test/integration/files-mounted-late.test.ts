/** A file system that is mounted in the middle of a look: what it holds lay there before, and is nothing new. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { Trigger } from '#proto';
import { BareBroker } from '../harness/bare-broker.ts';
import { eventually } from '../harness/eventually.ts';
import { SourceNode, storedEvents, wantedSource } from '../harness/source-node.ts';

/** Called when a directory has just been found missing: the moment cannot be had otherwise. */
const mount = vi.hoisted(() => ({ onMissing: (_path: string): void => undefined }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const readdir = async (path: string) => {
    try {
      return await real.readdir(path);
    } catch (error) {
      mount.onMissing(path);
      throw error;
    }
  };
  return { ...real, readdir };
});

it('is not taken for a directory that was made', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pilotfish-late-'));
  const directory = join(folder, 'mnt', 'mounted');
  mkdirSync(join(folder, 'elsewhere', 'mounted'), { recursive: true });
  writeFileSync(join(folder, 'elsewhere', 'mounted', 'old.h5'), 'a');
  let mounted = false;
  mount.onMissing = (path) => {
    if (path !== directory || mounted) return;
    mounted = true;
    renameSync(join(folder, 'elsewhere'), join(folder, 'mnt'));
  };
  await using broker = await BareBroker.start();
  const trigger = Trigger.fromPartial({
    name: 'on0',
    subject: 'pilotfish.file.f.on0.*',
    files: { directory, match: '*.h5', ready: 'settled', pollMs: 100, existing: false },
  });
  await using node = await SourceNode.start(broker, 'n1', wantedSource(trigger));
  await eventually(async () => (await node.owns()) && mounted, {
    timeoutMs: 15_000,
    what: 'the mount in the middle of a look',
  });
  // Written again and again until one is seen: those before the first whole look lay there already.
  let written = 0;
  const names = await eventually(
    async () => {
      writeFileSync(join(directory, `new-${written++}.h5`), 'a');
      const stored = await storedEvents(broker, 'pilotfish.file.f.on0.*');
      return stored.length > 0 && stored.map(({ payload }) => payload.name);
    },
    { timeoutMs: 20_000, what: 'a new file' },
  );
  expect(names).not.toContain('old.h5');
  rmSync(folder, { recursive: true });
}, 60_000);
