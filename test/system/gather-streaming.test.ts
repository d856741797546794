/** G13 on a real pilot: a function that is given a key's parts while it is open, under kill -9 of what it rests on. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { deployFolder, FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';
import { followHandler, projections, publish, reading, streamingGather } from '../harness/streaming-gather.ts';
import { untilIdle } from '../harness/until-idle.ts';

const functions = new FunctionFolder();
let pilot: TestPilot;

const python = `import pilotfish

def handle(event, ctx):
    seen = []
    size = 0
    for part in event.parts:
        seen.append("%s%d" % (part.kind, part.index))
        size += len(part.data)
    return {"seen": seen, "bytes": size, "counts": event.parts.counts, "reason": event.parts.reason}

pilotfish.run(handle)
`;

beforeAll(async () => {
  pilot = await TestPilot.start({ nodes: 2, coresPerNode: 4 });
  await functions.deploy(pilot, 'follow', followHandler, [
    `on: [{ subject: "open.*.part", ${streamingGather('gap: 60s')} }]`,
    'output: "followed.{1}"',
    'scale: { min: 1 }',
  ]);
  await functions.deploy(pilot, 'strict', followHandler, [
    `on: [{ subject: "strict.*.part", ${streamingGather('gap: 3s')} }]`,
    'output: "checked.{1}"',
  ]);
  const folder = functions.write('snake', '');
  writeFileSync(join(folder, 'snake.py'), python);
  writeFileSync(
    join(folder, 'pilotfish.yaml'),
    `functions:
  snake:
    command: [python3, snake.py]
    on: [{ subject: "open.*.part", ${streamingGather('gap: 60s')} }]
    output: "snaked.{1}"
`,
  );
  await deployFolder(pilot, folder);
}, 90_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

/** The process of the instance that has told how far it is. */
async function pidOf(told = '{}'): Promise<number> {
  const { instance } = JSON.parse(told) as { instance: string };
  const find = async () => (await pilot.client.get('follow')).instances.find(({ id }) => id === instance)?.pid;
  return eventually(find, { timeoutMs: 40_000, what: `the process of ${told}` });
}

const kill = (pid: number) => process.kill(pid, 'SIGKILL');

describe('the function of a streaming gather', () => {
  it('is given parts while the key is open, doubles left out, in TypeScript and in Python alike', async () => {
    await using half = await reading(pilot, 'half');
    await using results = await reading(pilot, 'followed');
    await using snaked = await reading(pilot, 'snaked');
    // Disorder and a double: given as stored, each index once.
    await publish(pilot, 'open.first.part', ['projection:1', 'projection:0', 'projection:0', 'dark:0']);
    await half.until(1);
    expect(JSON.parse(half.texts[0] ?? '')).toMatchObject({ reason: 'open' });
    await publish(pilot, 'open.first.part', projections(2, 40), 'dark=1,projection=40');
    await results.until(1);
    const seen = ['projection1', 'projection0', 'dark0', ...projections(2, 40).map((part) => part.replace(':', ''))];
    const counts = { dark: 1, projection: 40 };
    const bytes = ['dark:0', ...projections(0, 40)].join('').length;
    expect(JSON.parse(results.texts[0] ?? '')).toEqual({
      key: 'first',
      seen,
      bytes,
      count: 41,
      counts,
      missing: {},
      reason: 'complete',
    });
    await snaked.until(1);
    expect(JSON.parse(snaked.texts[0] ?? '')).toEqual({ seen, bytes, counts, reason: 'complete' });
    await untilIdle(pilot, 'follow');
    await untilIdle(pilot, 'snake');
    expect([results.texts.length, snaked.texts.length]).toEqual([1, 1]);
  }, 120_000);

  it('gives one result with every part once, though its instance, its agent and the gateway are killed meanwhile', async () => {
    await using half = await reading(pilot, 'half');
    await using results = await reading(pilot, 'followed');
    await publish(pilot, 'open.killed.part', projections(0, 10));
    await half.until(1);
    kill(await pidOf(half.texts[0]));
    await half.until(2);
    await publish(pilot, 'open.killed.part', projections(10, 20));
    kill(pilot.pid(JSON.parse(half.texts[1] ?? '').node, 'agent'));
    await half.until(3);
    kill(pilot.pid('n1', 'gateway'));
    await publish(pilot, 'open.killed.part', projections(20, 30), 'projection=30');
    await results.until(1);
    expect(JSON.parse(results.texts[0] ?? '')).toMatchObject({
      seen: projections(0, 30).map((part) => part.replace(':', '')),
      counts: { projection: 30 },
      reason: 'complete',
    });
    await eventually(() => pilot.client.waitReady(2, 1_000), { timeoutMs: 40_000, what: 'both nodes ready again' });
    await untilIdle(pilot, 'follow', 60_000);
    expect(results.texts.length).toBe(1);
    expect(await Array.fromAsync(pilot.client.deadLetters('follow'))).toEqual([]);
  }, 180_000);

  it('may end before its key does, and is not called once more', async () => {
    await using results = await reading(pilot, 'followed');
    await publish(pilot, 'open.early.part', ['projection:0']);
    await results.until(1);
    await publish(pilot, 'open.early.part', ['projection:1'], 'projection=2');
    await untilIdle(pilot, 'follow');
    expect(results.texts).toEqual(['early']);
  }, 60_000);

  it('of a key that stays incomplete gives a dead letter, which is handled with what is there when it is redriven', async () => {
    await using results = await reading(pilot, 'checked');
    await publish(pilot, 'strict.short.part', projections(0, 4), 'projection=5');
    const letters = () => Array.fromAsync(pilot.client.deadLetters('strict'));
    const [letter] = await eventually(async () => ((await letters()).length > 0 ? await letters() : undefined), {
      timeoutMs: 40_000,
      what: 'the dead letter',
    });
    expect(letter).toMatchObject({
      reason: 'incomplete:gap',
      subject: 'gather.strict.on0-open.short',
      redrivable: true,
    });
    // It comes too late for the key.
    await publish(pilot, 'strict.short.part', ['projection:4']);
    await eventually(async () => (await letters()).some(({ reason }) => reason === 'late part'), {
      timeoutMs: 40_000,
      what: 'the letter of the late part',
    });
    await pilot.client.redrive('strict', [letter?.sequence ?? 0]);
    await results.until(1);
    expect(JSON.parse(results.texts[0] ?? '')).toMatchObject({
      seen: ['projection0', 'projection1', 'projection2', 'projection3'],
      missing: { projection: [4] },
      reason: 'gap',
    });
    await untilIdle(pilot, 'strict');
    expect(results.texts.length).toBe(1);
  }, 90_000);
});
