/** How an instance ends: it is given no call any more, and an event is given back for our fault without being counted, for its function's it is counted. */
import { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { systemClock } from '#common';
import { FrameWriter, frameTypes, type LoadHeader } from '#frames';
import type { CallOutcome } from '../../platform/agent/call.ts';
import { Instance } from '../../platform/agent/instance.ts';

function endedBy(end: (instance: Instance) => void): CallOutcome | undefined {
  let outcome: CallOutcome | undefined;
  const instance: Instance = new Instance({
    id: 'i',
    concurrency: 1,
    memoryBytes: 2 ** 20,
    clock: systemClock,
    pid: () => 1,
    kill: () => instance.processEnded('it was ended by SIGKILL'),
    events: {
      onReady: () => undefined,
      onRoom: () => undefined,
      onEnded: () => undefined,
      onLog: () => undefined,
      onMetrics: () => undefined,
      onPublish: () => undefined,
      onState: async () => ({ revision: 0, error: '' }),
    },
  });
  const settle = (told: CallOutcome) => {
    outcome = told;
  };
  instance.run({ header: '{}', body: new Uint8Array(0), timeoutMs: 1_000, settle });
  end(instance);
  return outcome;
}

it('an instance ended for what its function did counts as one that ended by itself', () => {
  const tooMuch = 'it used 500 MiB of memory';
  expect(endedBy((instance) => instance.endFor(tooMuch))).toEqual({ kind: 'lost', reason: tooMuch, ended: false });
  expect(endedBy((instance) => instance.processEnded('it exited'))).toMatchObject({ ended: false });
  expect(endedBy((instance) => instance.end('its node is drained'))).toMatchObject({ ended: true });
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
  const instance = new Instance({
    id: 'i',
    concurrency: 1,
    memoryBytes: 2 ** 20,
    clock: systemClock,
    pid: () => 1,
    // The signal is on its way, and the process lives on for a while.
    kill: () => undefined,
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
  instance.drain();
  instance.connect(new Socket(), await readyFrame(), { instance: 'i' } as LoadHeader);
  expect(onReady).not.toHaveBeenCalled();
  expect(instance.phase).toBe('draining');
  instance.processEnded('SIGKILL');
  expect(instance.phase).toBe('stopped');
});
