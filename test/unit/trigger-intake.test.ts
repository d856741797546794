/** What becomes of a gathered event whose parts cannot be fetched. */
import { describe, expect, it } from 'vitest';
import type { PulledEvent } from '#broker';
import { PlatformError } from '#common';
import type { TriggerRoute } from '../../platform/agent/events/trigger-route.ts';
import type { GatheredSpool } from '../../platform/agent/gather/spool.ts';
import type { FunctionPool } from '../../platform/agent/instances/function-pool.ts';
import { TriggerIntake } from '../../platform/agent/intakes/trigger-intake.ts';
import { noClaims } from '../harness/no-claims.ts';

/** An intake with one event of `deliveries` whose parts come to `fetched`; tells what it said to the broker and the attempt log. */
async function receive(deliveries: number, fetched: (giveUp: () => void) => Promise<GatheredSpool>, paused = false) {
  const said: string[] = [];
  const attempts: unknown[] = [];
  let calls = 0;
  let give: (event: PulledEvent) => void = () => undefined;
  const route = {
    functionName: 'f',
    node: 'n1',
    retry: { attempts: 5, minMs: 1_000, maxMs: 1_000 },
    clock: { now: () => 0, monotonic: () => 0 },
    leases: { provenAt: 0, connected: true },
    connection: { publish: (_subject: string, payload: string) => said.push(payload) },
    attempts: {
      read: async () => [],
      record: async (_sequence: number, record: unknown[]) => attempts.push(...record),
    },
    logs: { write: () => undefined },
    mapStack: async (stack: string) => stack,
    subjectOf: () => 'parts.x.frame',
    scanOf: () => 'x',
    idOf: String,
    parking: { mayWait: () => true },
  } as unknown as TriggerRoute;
  const pool = { version: {}, fetching: 0, hasTime: true, submit: () => ++calls > 0 } as unknown as FunctionPool;
  const intake: TriggerIntake = new TriggerIntake({
    route,
    pool,
    retries: false,
    claims: noClaims,
    readLeft: async () => undefined,
    timeoutMs: 30_000,
    puller: (onEvent) => {
      give = onEvent;
      return { withdraw: () => undefined } as never;
    },
    fetchParts: () => fetched(() => intake.held.get(7)?.abandon()),
  });
  if (paused) intake.setState({ paused, replay: undefined });
  give({
    streamSequence: 7,
    deliveries,
    ackSubject: 'ack',
    timeMs: 0,
    message: { data: new Uint8Array(0) },
  } as unknown as PulledEvent);
  // Promises only: no timer is involved.
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  return { said, attempts, calls, fetching: pool.fetching, held: intake.held.size };
}

const notAsked = () => Promise.reject(new Error('nobody asks'));

it('that was on its way when its trigger was paused waits in the stream, and is there as soon as it is resumed', async () => {
  expect(await receive(1, notAsked, true)).toMatchObject({ said: ['-NAK {"delay":100000000}'], calls: 0, held: 0 });
});

const noRoom = () => Promise.reject(new PlatformError('no-capacity', 'no room'));

describe('a gathered event whose parts cannot be fetched', () => {
  it.each([
    ['for want of room', noRoom],
    ['because the broker is silent', () => Promise.reject(new PlatformError('unavailable', 'silent'))],
  ])('%s is given back without an attempt', async (_why, fetched) => {
    expect(await receive(1, fetched)).toEqual({
      said: ['-NAK {"delay":5000000000}'],
      attempts: [],
      calls: 0,
      fetching: 0,
      held: 0,
    });
  });

  it('for want of room, again and again, counts as failed in the end', async () => {
    const { attempts, said } = await receive(20, noRoom);
    expect(attempts).toMatchObject([{ error: 'no room', node: 'n1' }]);
    expect(said).toHaveLength(1);
  });

  it('because a part is gone counts as failed at once', async () => {
    const { attempts } = await receive(1, () => Promise.reject(new PlatformError('not-found', 'part gone')));
    expect(attempts).toMatchObject([{ error: 'part gone' }]);
  });

  it('before it was given up is not run, and its spool goes', async () => {
    let removed = 0;
    const spool = { header: {}, remove: () => void removed++ } as unknown as GatheredSpool;
    const abandoned = await receive(1, async (giveUp) => {
      giveUp();
      return spool;
    });
    expect({ ...abandoned, removed }).toEqual({ said: [], attempts: [], calls: 0, fetching: 0, held: 0, removed: 1 });
    expect(await receive(1, async () => spool)).toMatchObject({ calls: 1, held: 1, said: [] });
  });
});
