/** An instance that says anything at all: each of its calls has exactly one outcome, and nothing is left open. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#common';
import { type FrameType, FrameWriter, frameTypes, type LoadHeader } from '#frames';
import { BodyFiles } from '../../../platform/agent/instances/body-files.ts';
import { Instance } from '../../../platform/agent/instances/instance.ts';
import { UserMetrics } from '../../../platform/agent/records/user-metrics.ts';
import { fc } from '../../harness/properties.ts';
import { type WrittenFrame, writtenFrame } from '../frame-arbitraries.ts';
import type { FuzzTarget } from '../fuzz.ts';

const calls = 3;

interface Peer {
  readonly agent: Socket;
  readonly program: Socket;
}

async function connectPair(server: Server, path: string): Promise<Peer> {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const program = createConnection(path);
  const [agent] = await accepted;
  program.on('error', () => undefined).resume();
  return { agent, program };
}

/** Settles once the agent's side has closed: by the agent, or because the program did. */
async function speak(
  { agent, program }: Peer,
  said: readonly (WrittenFrame | Uint8Array)[],
  scratch: string,
): Promise<void> {
  const outcomes = Array.from({ length: calls }, () => 0);
  let ended = 0;
  const metrics = new UserMetrics({ write: () => undefined });
  const instance: Instance = new Instance({
    id: 'fuzzed',
    concurrency: 2,
    memoryBytes: 2 ** 20,
    scratch,
    clock: systemClock,
    pid: () => 0,
    bodies: new BodyFiles(scratch),
    // A process that is killed ends, and its socket with it.
    kill: () => queueMicrotask(() => instance.processEnded('killed')),
    events: {
      onReady: () => undefined,
      onRoom: () => undefined,
      onEnded: () => void ended++,
      onLog: (_, { level, call }, text) => void JSON.stringify([level.toUpperCase(), call.length, text]),
      onMetrics: (samples) => metrics.add('fuzzed', samples),
      onPublish: ({ headers }, _data, done) => done(Object.values(headers).join().slice(0, 10)),
      onState: async ({ key }) => ({ revision: key.length, error: '' }),
    },
  });
  instance.connect(agent, Buffer.alloc(0), { instance: 'fuzzed' } as LoadHeader);
  for (let number = 0; number < calls; number++) {
    const settle = () => {
      outcomes[number] = (outcomes[number] ?? 0) + 1;
    };
    instance.run({ header: `{"i":"${number}"}`, body: Buffer.from('x'), timeoutMs: 60_000, settle });
  }
  const writer = new FrameWriter(program);
  for (const part of said) {
    if (part instanceof Uint8Array) program.write(part);
    else writer.write(part.type as FrameType, part.ofCall ? 1 : 7, part.flags, part.header, part.body);
    writer.flush();
  }
  program.end();
  if (!agent.destroyed) await once(agent, 'close');
  instance.processEnded('it exited with code 0');
  if (ended !== 1) throw new Error(`its end was told ${ended} times`);
  // Those that wait behind the two that run go to another instance, without an outcome.
  const told = outcomes.reduce((sum, count) => sum + count, 0);
  if (outcomes.some((count) => count > 1) || told < 2) throw new Error(`outcomes: ${outcomes.join()}`);
}

export const instance: FuzzTarget = {
  name: 'instance',
  runs: 1_200,
  async open() {
    const folder = mkdtempSync(join(tmpdir(), 'pilotfish-fuzz-'));
    const path = join(folder, 'socket');
    const server = createServer();
    server.listen(path);
    await once(server, 'listening');
    const ready: WrittenFrame = { type: frameTypes.ready, ofCall: false, flags: 0, header: '', body: Buffer.alloc(0) };
    const said = fc.array(
      fc.oneof({ weight: 6, arbitrary: writtenFrame }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }) }),
      { maxLength: 6 },
    );
    return {
      property: fc.asyncProperty(said, async (parts) =>
        speak(await connectPair(server, path), [ready, ...parts], folder),
      ),
      async close() {
        server.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};
