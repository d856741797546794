/** The platform is copied to where nodes see it while the command line stays awake, and an interrupted copy leaves nothing. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stagePlatform } from '../../../platform/pilot/jobs/stage.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-stage-'));
  mkdirSync(join(folder, 'dist'));
  for (const name of ['agent.mjs', 'cli.mjs', 'agent.mjs.map']) writeFileSync(join(folder, 'dist', name), name);
  for (const name of ['node', 'nats-server']) writeFileSync(join(folder, name), name);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const stage = (signal: AbortSignal) =>
  stagePlatform(
    folder,
    { dist: join(folder, 'dist'), node: join(folder, 'node'), natsServer: join(folder, 'nats-server') },
    signal,
  );

it('copies what nodes need, once a build', async () => {
  const { directory } = await stage(new AbortController().signal);
  expect(readdirSync(join(directory, 'dist'))).toEqual(['agent.mjs']);
  expect(readdirSync(join(directory, 'bin')).toSorted()).toEqual(['nats-server', 'node']);
  expect(await stage(new AbortController().signal)).toMatchObject({ directory });
});

it('lets timers and signals through meanwhile, and leaves nothing when it is interrupted', async () => {
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  await expect(stage(controller.signal)).rejects.toThrow();
  expect(readdirSync(join(folder, 'stages'))).toEqual([]);
});
