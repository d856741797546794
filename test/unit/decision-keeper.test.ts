/** The last decisions outlive the gateway that took them. */
import type { KV } from '@nats-io/kv';
import { expect, it } from 'vitest';
import { systemClock } from '#common';
import { createLogger } from '#telemetry';
import { DecisionKeeper } from '../../platform/gateway/scaling/decision-keeper.ts';
import { DecisionLog, nodesName } from '../../platform/gateway/scaling/decision-log.ts';

/** A bucket that can refuse to write. */
function bucketOf(entries: Map<string, string>) {
  const bucket = {
    refuses: false,
    get: async (key: string) => {
      const text = entries.get(key);
      return text === undefined ? null : { operation: 'PUT', json: () => JSON.parse(text) as unknown };
    },
    put: async (key: string, text: string) => {
      if (bucket.refuses) throw new Error('no leader');
      entries.set(key, text);
      return 1;
    },
    purge: async (key: string) => {
      entries.delete(key);
    },
  };
  return bucket;
}

const clock = { ...systemClock, sleep: () => Promise.resolve() };
const logger = createLogger({ pilot: 'test', node: 'test', process: 'test' }, 'silent');

async function open(bucket: ReturnType<typeof bucketOf>, functions: readonly string[] = ['f', 'g']) {
  const log = new DecisionLog();
  const stands = bucket as unknown as Pick<KV, 'get' | 'put' | 'purge'>;
  return { log, keeper: await DecisionKeeper.open({ bucket: stands, log, functions, clock, logger }) };
}

const decided = (name: string, timeMs: number) => ({ function: name, timeMs, from: 0, to: 1, reason: `at ${timeMs}` });

it('gives the next gateway the decisions of each function and of the nodes, in their order', async () => {
  const entries = new Map<string, string>();
  const bucket = bucketOf(entries);
  const first = await open(bucket);
  for (const [at, name] of ['f', 'g', nodesName, 'f'].entries()) first.log.add(decided(name, at));
  await first.keeper.close();
  const next = await open(bucket);
  expect(next.log.of('f').map(({ timeMs }) => timeMs)).toEqual([0, 3]);
  expect(next.log.since(0).decisions.map(({ function: name }) => name)).toEqual(['f', 'g', nodesName, 'f']);

  next.log.forget('g');
  await next.keeper.close();
  expect([...entries.keys()].sort()).toEqual(['decisions.f', 'node-decisions']);
});

it('goes on where the broker takes nothing, and where what is stored cannot be read', async () => {
  const entries = new Map([
    ['decisions.f', '{"not": "decisions"}'],
    ['decisions.g', JSON.stringify([{ timeMs: 5, from: 1, to: 2, reason: 'kept' }])],
  ]);
  const bucket = bucketOf(entries);
  const { log, keeper } = await open(bucket);
  expect([log.of('f'), log.of('g').map(({ reason }) => reason)]).toEqual([[], ['kept']]);
  bucket.refuses = true;
  log.add(decided('f', 6));
  await keeper.close();
  expect(log.of('f')).toHaveLength(1);
  // The next decision takes along what could not be written.
  bucket.refuses = false;
  log.add(decided('f', 7));
  await keeper.close();
  expect((await open(bucket)).log.of('f').map(({ timeMs }) => timeMs)).toEqual([6, 7]);
});
