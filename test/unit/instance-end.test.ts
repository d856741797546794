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
    scratch: '',
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

/** Bytes that a writer of frames gives, as they come over the socket. */
async function bytesOf(write: (writer: FrameWriter) => void): Promise<Buffer> {
  const wire = new PassThrough();
  const writer = new FrameWriter(wire);
  write(writer);
  writer.flush();
  return wire.read();
}

it.each([
  ['bytes that are no frame', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a frame of a type that is not its own', await bytesOf((writer) => writer.write(frameTypes.hello, 0, 0, '{}'))],
])('after %s nothing counts that it says', async (_, garbage) => {
  const instance = instanceWith({ kill: () => undefined });
  const socket = new Socket();
  instance.connect(socket, await readyFrame(), { instance: 'i' } as LoadHeader);
  const outcomes = run(instance, 1, 1_000);
  socket.emit('data', garbage);
  socket.emit('data', await bytesOf((writer) => writer.write(frameTypes.result, 1, 0, '')));
  expect(outcomes).toEqual([undefined]);
  instance.processEnded('it was ended by SIGKILL');
  expect(outcomes).toMatchObject([{ kind: 'lost', ended: false, reason: expect.stringMatching(/frame/) }]);
});

it('one that closes its socket and lives on gets no further call, and is ended before a timeout of its calls', async () => {
  vi.useFakeTimers();
  try {
    const instance = instanceWith({ kill: (own) => own.processEnded('it was ended by SIGKILL') });
    const socket = new Socket();
    instance.connect(socket, await readyFrame(), { instance: 'i' } as LoadHeader);
    const outcomes = run(instance, 1, 600_000);
    socket.emit('close');
    expect(instance.phase).toBe('draining');
    vi.advanceTimersByTime(1_000);
    expect(outcomes).toMatchObject([{ kind: 'lost', ended: false, reason: 'it closed its connection to the agent' }]);
  } finally {
    vi.useRealTimers();
  }
});

it('one that ends by itself, and with it its socket, says how it ended', async () => {
  const instance = instanceWith({ kill: () => undefined });
  const socket = new Socket();
  instance.connect(socket, await readyFrame(), { instance: 'i' } as LoadHeader);
  const outcomes = run(instance, 1, 1_000);
  socket.emit('close');
  instance.processEnded('it exited with code 0');
  expect(outcomes).toMatchObject([{ kind: 'lost', ended: false, reason: 'it exited with code 0' }]);
});
