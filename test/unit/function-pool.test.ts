/** What one function may hold on a node: by its pace, by its manifest's caps, and by the bytes of what it holds. */
import { describe, expect, it } from 'vitest';
import type { PulledEvent } from '#broker';
import { FunctionSpec, FunctionVersion } from '#proto';
import type { CallOutcome } from '../../platform/agent/call.ts';
import { unstartableWaitMs } from '../../platform/agent/events/delivery-waits.ts';
import { FunctionPool } from '../../platform/agent/instances/function-pool.ts';
import type { Instance } from '../../platform/agent/instances/instance.ts';
import { callEach, type PackOutcome } from '../../platform/agent/packs/pack-calls.ts';

const mebibyte = 2 ** 20;

/** A pool whose `ready` instances keep every call until `end` is called. */
function poolOf(spec: Partial<FunctionSpec>, ready: number, callMs = 0.05) {
  const time = { now: 0 };
  const clock = { now: () => 0, monotonic: () => time.now, sleep: async () => undefined };
  const version = FunctionVersion.fromPartial({ function: 'f', spec: { ...FunctionSpec.fromPartial({}), ...spec } });
  const pool = new FunctionPool({ version, clock, start: () => false, onRoom: () => undefined });
  const calls: ((outcome: CallOutcome) => void)[] = [];
  for (let number = 0; number < ready; number++) {
    const instance = {
      phase: 'ready',
      inFlight: 0,
      run(call: { settle: (outcome: CallOutcome, run: { instance: string; ms: number }) => void }) {
        instance.inFlight++;
        calls.push((outcome) => {
          instance.inFlight--;
          call.settle(outcome, { instance: 'i', ms: callMs });
        });
      },
    };
    pool.instances.add(instance as unknown as Instance);
  }
  const submit = (bytes: number, packed?: number) =>
    pool.submit({ header: '{}', body: new Uint8Array(bytes), packed, timeoutMs: 1_000, settle: () => undefined });
  const end = () => calls.shift()?.({ kind: 'result', form: 0, header: '', body: new Uint8Array(0) });
  return { pool, submit, end, time };
}

describe('the capacity of a function on a node', () => {
  it('follows its pace, up to the cap of its manifest', () => {
    const { pool, submit, end } = poolOf({ concurrency: 1, limits: { inFlight: 40, memoryBytes: 0 } }, 2);
    for (let number = 0; number < 64; number++) {
      submit(10);
      end();
    }
    const free = poolOf({ concurrency: 1 }, 2);
    for (let number = 0; number < 64; number++) {
      free.submit(10);
      free.end();
    }
    expect(free.pool.capacity).toBeGreaterThan(500);
    expect(pool.capacity).toBe(40);
  });

  it('is none while it holds as many bytes as it may, and comes back as they go: another function has its own', () => {
    const spec = { concurrency: 4, limits: { inFlight: 0, memoryBytes: 32 * mebibyte } };
    const bursty = poolOf(spec, 1);
    const other = poolOf(spec, 1);
    for (let number = 0; number < 4; number++) expect(bursty.submit(8 * mebibyte)).toBe(true);
    expect({ capacity: bursty.pool.capacity, room: bursty.pool.roomBytes }).toEqual({ capacity: 0, room: 0 });
    expect({ capacity: other.pool.capacity, room: other.pool.roomBytes }).toEqual({ capacity: 4, room: 32 * mebibyte });
    bursty.end();
    expect(bursty.pool.capacity).toBeGreaterThanOrEqual(4);
    expect(bursty.pool.roomBytes).toBe(8 * mebibyte);
  });

  it('never queues without end: past its bound the event is given back to the stream', () => {
    const { pool, submit } = poolOf({ concurrency: 1 }, 1);
    let taken = 0;
    while (taken < 5_000 && submit(1)) taken++;
    expect(taken).toBeLessThan(2_000);
    expect(pool.inFlight).toBe(taken);
  });
});

describe('an event that nobody can run now', () => {
  const refusalOf = (pool: FunctionPool): CallOutcome | undefined => {
    let told: CallOutcome | undefined;
    const settle = (outcome: CallOutcome) => {
      told = outcome;
    };
    pool.submit({ header: '{}', body: new Uint8Array(0), timeoutMs: 1_000, settle });
    return told;
  };
  const waitsOf = (outcome: CallOutcome | undefined, deliveries: number): number[] =>
    Array.from({ length: 200 }, () =>
      outcome?.kind === 'unstartable' ? unstartableWaitMs(outcome, deliveries) : Number.NaN,
    );

  it('comes again soon where all slots are taken: an idle instance of another function gives way', () => {
    const told = refusalOf(poolOf({}, 0).pool);
    expect(told).toEqual({ kind: 'unstartable', reason: 'no slot is free on the node', full: true });
    for (const ms of waitsOf(told, 1)) expect(ms).toBeLessThanOrEqual(200);
    // As long as nothing gives way it asks less and less often.
    for (const ms of waitsOf(told, 1_000)) expect(ms).toBeLessThanOrEqual(2_100);
    expect(Math.max(...waitsOf(told, 1_000))).toBeGreaterThan(1_000);
  });

  it('is told to the gateway until it comes again', () => {
    const { pool, time } = poolOf({}, 0);
    expect(pool.turnsAway).toBe(false);
    refusalOf(pool);
    time.now = 5_000;
    expect(pool.turnsAway).toBe(true);
    time.now = 6_000;
    expect(pool.turnsAway).toBe(false);
  });

  it('comes again as the pack that it came in, where none of the members has run', () => {
    const { pool } = poolOf({}, 0);
    const member = (number: number) =>
      ({ member: number, message: { data: new Uint8Array(1) } }) as unknown as PulledEvent;
    const told: PackOutcome[] = [];
    const headerOf = ({ member: number = 0 }: PulledEvent) => (number === 1 ? undefined : '{}');
    const calls = { pool, members: [0, 1, 2].map(member), headerOf, timeoutMs: 1_000, scan: undefined };
    callEach(calls, (outcome) => told.push(outcome));
    expect(told).toMatchObject([{ kind: 'whole', outcome: { kind: 'unstartable', full: true } }]);
  });

  it('waits longer where its function does not start', () => {
    expect(waitsOf({ kind: 'unstartable', reason: 'it throws' }, 1)).toEqual(Array(200).fill(5_000));
  });
});

describe('a start that has failed', () => {
  it('is not tried again, nor are its calls told, before its process has gone', () => {
    const { pool } = poolOf({}, 0);
    const failing = { phase: 'draining', loaded: false, unwanted: false, inFlight: 0 } as unknown as Instance;
    pool.instances.add(failing);
    const told: CallOutcome[] = [];
    const settle = (outcome: CallOutcome) => void told.push(outcome);
    pool.submit({ header: '{}', body: new Uint8Array(0), timeoutMs: 1_000, settle });
    expect({ held: pool.restartHeld, told }).toEqual({ held: true, told: [] });
    pool.instanceEnded(failing, 'it was not ready in time', []);
    expect(told).toEqual([{ kind: 'unstartable', reason: 'it was not ready in time' }]);
    expect(pool.restartHeld).toBe(true);
  });
});

describe('what an event takes', () => {
  it('is the time of its batch, however many batches come as one pack', () => {
    const packs = poolOf({ concurrency: 1, batch: { size: 64, waitMs: 5 } }, 1, 40);
    packs.submit(10, 256);
    packs.end();
    expect({ call: packs.pool.serviceMs, event: packs.pool.eventMs }).toEqual({ call: 40, event: 10 });
    const few = poolOf({ concurrency: 1, batch: { size: 64, waitMs: 5 } }, 1, 40);
    few.submit(10, 16);
    few.end();
    expect(few.pool.eventMs).toBe(40);
    expect(poolOf({ concurrency: 1 }, 1).pool.eventMs).toBe(0);
  });
});
