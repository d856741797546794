/** The calls inside an instance: who runs, since when, and what is left at its end. */
import { describe, expect, it } from 'vitest';
import type { Call } from '../../platform/agent/call.ts';
import { RunningCalls } from '../../platform/agent/instances/running-calls.ts';
import { fc } from '../harness/properties.ts';

const callOf = (header: string, timeoutMs = 100, packed?: number): Call => ({
  header,
  packed,
  body: new Uint8Array(),
  timeoutMs,
  settle: () => undefined,
});

describe('RunningCalls', () => {
  it('starts the clock of a call when it begins to run', () => {
    const calls = new RunningCalls(1);
    const first = calls.add(callOf('a'), undefined, 10);
    const second = calls.add(callOf('b'), undefined, 20);
    expect([calls.get(first)?.startedAt, calls.get(second)?.startedAt]).toEqual([10, 0]);
    expect(calls.late(115)).toEqual([first]);
    calls.remove(first, 50);
    expect(calls.get(second)?.startedAt).toBe(50);
    expect(calls.late(115)).toEqual([]);
  });

  it('counts each event of a pack: the next pack waits where one fills the batch', () => {
    const calls = new RunningCalls(64);
    const first = calls.add(callOf('a', 100, 256), undefined, 10);
    const second = calls.add(callOf('b', 100, 256), undefined, 20);
    expect([calls.get(first)?.startedAt, calls.get(second)?.startedAt]).toEqual([10, 0]);
    calls.remove(first, 50);
    expect(calls.get(second)?.startedAt).toBe(50);
    calls.add(callOf('c', 100, 256), undefined, 60);
    const { ran, unstarted } = calls.clear();
    expect([ran.length, unstarted.length]).toEqual([1, 1]);
  });

  it('has enough of large payloads once one waits, and never of small ones', () => {
    const large = (header: string): Call => ({ ...callOf(header), body: new Uint8Array(3 * 2 ** 20) });
    const calls = new RunningCalls(2);
    const first = calls.add(large('a'), undefined, 1);
    expect(calls.hasEnough).toBe(false);
    calls.add(large('b'), undefined, 2);
    expect(calls.hasEnough).toBe(true);
    calls.remove(first, 3);
    expect(calls.hasEnough).toBe(false);
    for (let at = 0; at < 100; at++) calls.add(callOf(`c${at}`), undefined, 4);
    expect(calls.hasEnough).toBe(false);
    calls.add(large('d'), undefined, 5);
    expect(calls.hasEnough).toBe(true);
    calls.clear();
    expect(calls.hasEnough).toBe(false);
  });

  it('keeps, for any order of hand-overs and ends, the oldest running and each call in one place', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.integer({ min: -1, max: 9 }), { maxLength: 60 }),
        (concurrency, steps) => {
          const calls = new RunningCalls(concurrency);
          let open: number[] = [];
          let now = 1;
          for (const step of steps) {
            now++;
            if (step < 0 || open.length === 0) open.push(calls.add(callOf(`c${now}`), undefined, now));
            else {
              const id = open[step % open.length] ?? 0;
              expect(calls.remove(id, now)).toBeDefined();
              expect(calls.remove(id, now)).toBeUndefined();
              open = open.filter((each) => each !== id);
            }
            expect([...calls.ids()]).toEqual(open);
            for (const [position, id] of open.entries())
              expect((calls.get(id)?.startedAt ?? 0) > 0).toBe(position < concurrency);
          }
          const { ran, unstarted } = calls.clear();
          expect([ran.length, unstarted.length]).toEqual([
            Math.min(concurrency, open.length),
            Math.max(0, open.length - concurrency),
          ]);
          expect(calls.size).toBe(0);
        },
      ),
    );
  });
});
