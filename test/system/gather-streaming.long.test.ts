/** G13 and pinned parts under what the short form spares them: kill -9 of nats-server, and the loss of a whole node. */
import { afterAll, describe, expect, it } from 'vitest';
import { duplicateWindowMs } from '#broker';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { gathererNode, storedEvents } from '../harness/gather-run.ts';
import { killNode } from '../harness/node-processes.ts';
import { TestPilot } from '../harness/pilot.ts';
import {
  followHandler,
  projections,
  publish,
  publishParts,
  reading,
  streamingGather,
} from '../harness/streaming-gather.ts';
import { untilIdle } from '../harness/until-idle.ts';

const functions = new FunctionFolder();
afterAll(() => functions[Symbol.dispose]());

const parts = 2_000;

async function deployFollow(pilot: TestPilot): Promise<void> {
  await functions.deploy(pilot, 'follow', followHandler, [
    `on: [{ subject: "open.*.part", ${streamingGather('gap: 60s')} }]`,
    'output: "followed.{1}"',
    'scale: { min: 1 }',
  ]);
}

/** Sends a scan in four pieces, with a fault before each but the first; there must be one result of all its parts, each once. */
async function followedUnder(pilot: TestPilot, key: string, fault: (piece: number) => Promise<void>): Promise<void> {
  // Open before the first fault: like a detector's program, it goes on by itself.
  await using source = await pilot.events('source');
  await using half = await reading(pilot, 'half');
  await using results = await reading(pilot, 'followed');
  await publishParts(source, `open.${key}.part`, projections(0, parts / 4));
  await half.until(1);
  for (let piece = 1; piece < 4; piece++) {
    await fault(piece);
    const [from, to] = [(piece * parts) / 4, ((piece + 1) * parts) / 4];
    await publishParts(
      source,
      `open.${key}.part`,
      projections(from, to),
      piece === 3 ? `projection=${parts}` : undefined,
    );
  }
  await results.until(1);
  const { seen, ...closed } = JSON.parse(results.texts[0] ?? '') as { seen: string[] };
  // A source that sends again what had no PubAck stores it behind younger parts: the order is the stream's, not the source's.
  expect(seen.toSorted()).toEqual(
    projections(0, parts)
      .map((part) => part.replace(':', ''))
      .toSorted(),
  );
  expect(closed).toMatchObject({ counts: { projection: parts }, missing: {}, reason: 'complete' });
  await untilIdle(pilot, 'follow', 60_000);
  expect(results.texts.length).toBe(1);
  expect(await Array.fromAsync(pilot.client.deadLetters('follow'))).toEqual([]);
}

const kill = (pid: number) => process.kill(pid, 'SIGKILL');

describe('a streaming gather gives one result with every part once', () => {
  it('though its nats-server is killed again and again while the key is open', async () => {
    await using pilot = await TestPilot.start({ nodes: 2, coresPerNode: 4 });
    await deployFollow(pilot);
    await followedUnder(pilot, 'server', async () => void kill(pilot.pid('n1', 'nats-server')));
  }, 240_000);

  it(
    'though the node that follows the key is lost, then the agent that gathers; a dead letter keeps its parts meanwhile',
    async () => {
      await using pilot = await TestPilot.start({ nodes: 3, coresPerNode: 4, brokers: 3, storeSize: '512MiB' });
      await deployFollow(pilot);
      await functions.deploy(pilot, 'strict', followHandler, [
        `on: [{ subject: "strict.*.part", ${streamingGather('gap: 3s')} }]`,
        'output: "checked.{1}"',
      ]);
      await using half = await reading(pilot, 'half');
      await using results = await reading(pilot, 'checked');
      await publish(pilot, 'strict.short.part', projections(0, 300), 'projection=301');
      const letters = () => Array.fromAsync(pilot.client.deadLetters('strict'));
      await eventually(async () => (await letters()).length > 0, { timeoutMs: 60_000, what: 'the dead letter' });

      const lost = async () => {
        const told = half.texts.find((text) => text.includes('"key":"node"')) ?? '{}';
        return (JSON.parse(told) as { node?: string }).node;
      };
      await followedUnder(pilot, 'node', async (piece) => {
        if (piece === 1) killNode(pilot, await eventually(lost, { timeoutMs: 20_000, what: 'the node that follows' }));
        if (piece === 2) kill(pilot.pid(await gathererNode(pilot, 'follow'), 'agent'));
      });

      // The trimmer has been past them: the scan that is done is gone, out of its duplicate window.
      await eventually(async () => (await storedEvents(pilot, 'open.node.part')) === 0, {
        timeoutMs: duplicateWindowMs + 120_000,
        what: 'the parts of the finished scan are gone',
      });
      expect(await storedEvents(pilot, 'strict.short.part')).toBe(301);
      const [letter] = await letters();
      await pilot.client.redrive('strict', [letter?.sequence ?? 0]);
      await results.until(1);
      expect(JSON.parse(results.texts[0] ?? '')).toMatchObject({
        counts: { projection: 300 },
        missing: { projection: [300] },
      });
      await untilIdle(pilot, 'strict', 60_000);
      await eventually(async () => (await storedEvents(pilot, 'strict.short.part')) === 0, {
        timeoutMs: duplicateWindowMs + 120_000,
        what: 'the parts of the redriven scan are gone',
      });
    },
    2 * duplicateWindowMs + 480_000,
  );
});
