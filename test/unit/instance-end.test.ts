/** How an instance ends: it is given no call any more, and an event is given back for our fault without being counted, for its function's it is counted. */
import { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { systemClock } from '#common';
import { FrameWriter, frameTypes, type LoadHeader } from '#frames';
import type { CallOutcome } from '../../platform/agent/call.ts';
import { Instance } from '../../platform/agent/instances/instance.ts';

interface Watched {
  readonly kill: (instance: Instance) => void;
  readonly onReady?: () => void;
  readonly now?: () => number;
}

function instanceWith({ kill, onReady = () => undefined, now = () => systemClock.monotonic() }: Watched): Instance {
  const instance: Instance = new Instance({
    id: 'i',
    concurrency: 1,
    memoryBytes: 2 ** 20,
    clock: { ...systemClock, monotonic: now },
    pid: () => 1,
    kill: () => kill(instance),
    events: {
      onReady,
      onRoom: () => undefined,
      onEnded: () => undefined,
      onLog: () => undefined,
      onMetrics: () => undefined,
      onPublish: () => undefined,
      onState: async () => ({ revision: 0, error: '' }),
    },
  });
  return instance;
}

/** Outcomes of calls that were handed to it, in their order. */
function run(instance: Instance, count: number, timeoutMs: number): readonly (CallOutcome | undefined)[] {
  const outcomes: (CallOutcome | undefined)[] = Array.from({ length: count }, () => undefined);
  for (const at of outcomes.keys()) {
    const settle = (told: CallOutcome) => {
      outcomes[at] = told;
    };
    instance.run({ header: '{}', body: new Uint8Array(0), timeoutMs, settle });
  }
  return outcomes;
}

function endedBy(end: (instance: Instance) => void): CallOutcome | undefined {
  const instance = instanceWith({ kill: (own) => own.processEnded('it was ended by SIGKILL') });
  const outcomes = run(instance, 1, 1_000);
  end(instance);
  return outcomes[0];
}

it('an instance ended for what its function did counts as one that ended by itself', () => {
  const tooMuch = 'it used 500 MiB of memory';
  expect(endedBy((instance) => instance.endFor(tooMuch))).toEqual({ kind: 'lost', reason: tooMuch, ended: false });
  expect(endedBy((instance) => instance.processEnded('it exited'))).toMatchObject({ ended: false });
  expect(endedBy((instance) => instance.end('its node is drained'))).toMatchObject({ ended: true });
});

it('a call that waits behind one that ran past its timeout is not late itself, however long the process takes to end', () => {
  const time = { now: 0 };
  // The signal is on its way, and an endless loop does not hear it.
  const instance = instanceWith({ kill: () => undefined, now: () => time.now });
  const outcomes = run(instance, 2, 300);
  for (time.now = 100; time.now <= 900; time.now += 100) instance.checkTimeouts(time.now);
  expect(outcomes).toEqual([{ kind: 'timeout', timeoutMs: 300 }, undefined]);
  instance.processEnded('SIGKILL');
  expect(outcomes[1]).toMatchObject({ kind: 'lost', ended: true });
});

/** The bytes of a host that has loaded its function. */
async function readyFrame(): Promise<Buffer> {
  const wire = new PassThrough();
  new FrameWriter(wire).write(frameTypes.ready, 0, 0, '');
  const [bytes] = await wire.take(1).toArray();
  return bytes;
}

it('`ready` from a process that has been told to end wins it no call', async () => {
  const onReady = vi.fn();
  // The signal is on its way, and the process lives on for a while.
  const instance = instanceWith({ kill: () => undefined, onReady });
  instance.drain();
  instance.connect(new Socket(), await readyFrame(), { instance: 'i' } as LoadHeader);
  expect(onReady).not.toHaveBeenCalled();
  expect(instance.phase).toBe('draining');
  instance.processEnded('SIGKILL');
  expect(instance.phase).toBe('stopped');
});
