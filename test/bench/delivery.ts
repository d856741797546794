/**
 * What delivery costs: small events against the tuned loop (as `events`), the same in packs, 2 MiB frames through the stream against the same
 * loop by the clock, the same frames as claims, and the agent's memory while a million events wait.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connectNats, readLag, streams } from '#broker';
import { connectEvents } from '#client';
import { eventually } from '../harness/eventually.ts';
import { TestPilot } from '../harness/pilot.ts';
import { benchEvents, openBaseline } from './events.ts';

import { benchPacks } from './packs.ts';
import { type BenchResult, compare } from './report.ts';
import type { BenchOptions } from './run.ts';
import { privateMegabytes } from './runtime/start.ts';

const frameBytes = 2 * 2 ** 20;
const warmUpFrames = 10;
const frames = 60;
const runMsMax = 120_000;
/** Above it an event's payload is claimed; a frame in the stream must be below. */
const never = 15 * 2 ** 20;
const always = 2 ** 20;
const pendingEvents = 1_000_000;
const agentMegabytesMax = 150;

export async function benchDelivery(options: BenchOptions): Promise<BenchResult[]> {
  const echo = (await benchEvents(options)).filter(({ name }) => name === 'echo128-vs-tuned');
  return [...echo, await benchPacks(options.runs), ...(await benchFrames(options.runs)), await benchPending()];
}

/**
 * Frames a second, from the first publish to the last ack; the same source, stream and server for all three. The pilot's
 * home lies in memory: a disk that others write to would be what is measured.
 */
async function benchFrames(runs: number): Promise<BenchResult[]> {
  const home = mkdtempSync('/dev/shm/pilotfish-bench-');
  try {
    return await benchFramesIn(home, runs);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function benchFramesIn(home: string, runs: number): Promise<BenchResult[]> {
  await using pilot = await TestPilot.start({ nodes: 1, coresPerNode: 1, home });
  await using bench = await FrameBench.open(pilot);
  const inline: number[] = [];
  const claimed: number[] = [];
  const tuned: number[] = [];
  for (let run = 0; run < runs; run++) {
    inline.push(await bench.ours('inline', never));
    tuned.push(await bench.tuned());
    claimed.push(await bench.ours('claimed', always));
    process.stderr.write(
      `run ${run + 1}/${runs} frames/s: inline ${inline.at(-1)?.toFixed(0)}, tuned ${tuned.at(-1)?.toFixed(0)}, claimed ${claimed.at(-1)?.toFixed(0)}\n`,
    );
  }
  return [
    compare('frames2m-vs-tuned', 'frames/s', inline, tuned),
    compare('claimcheck2m-vs-inline', 'frames/s', claimed, inline),
  ];
}

class FrameBench {
  readonly #pilot: TestPilot;
  readonly #gateway: Awaited<ReturnType<typeof connectNats>>;
  readonly #folder = mkdtempSync(join(tmpdir(), 'pilotfish-bench-'));

  private constructor(pilot: TestPilot, gateway: Awaited<ReturnType<typeof connectNats>>) {
    this.#pilot = pilot;
    this.#gateway = gateway;
  }

  static async open(pilot: TestPilot): Promise<FrameBench> {
    const servers = pilot.connection.brokers;
    const seed = seedOf(pilot, 'gateway');
    return new FrameBench(pilot, await connectNats({ servers, seed, role: 'gateway', member: 'bench' }));
  }

  /** An echo of frames; both sides of a claim, the event's payload and the result's, follow `claimOverBytes`. */
  async ours(name: string, claimOverBytes: number): Promise<number> {
    const manifest = `functions:
  ${name}:
    entry: echo.ts
    on: [{ subject: "${name}.*" }]
    output: "${name}-done.{1}"
    claimOver: ${claimOverBytes / 2 ** 20}MiB
    resources: { memory: 512MiB }
`;
    writeFileSync(join(this.#folder, 'echo.ts'), echoSource);
    writeFileSync(join(this.#folder, 'pilotfish.yaml'), manifest);
    const deployed = await this.#pilot.cli(['deploy', this.#folder]);
    if (deployed.code !== 0) throw new Error(deployed.stderr);
    const rate = await this.#measure(name, `fn-${name}-on0`, claimOverBytes);
    await this.#pilot.client.remove(name);
    await this.#purge();
    return rate;
  }

  async tuned(): Promise<number> {
    const side = await openBaseline('tuned', this.#pilot, this.#gateway, seedOf(this.#pilot, 'agent'));
    const rate = await this.#measure('bench-tuned', side.consumer, never);
    await side.close();
    await this.#purge();
    return rate;
  }

  async #measure(subject: string, consumer: string, claimOverBytes: number): Promise<number> {
    await using source = await connectEvents(this.#pilot.connection, 'source', { claimOverBytes });
    const payload = Buffer.alloc(frameBytes, 7);
    const publish = async (count: number) => {
      for (let number = 0; number < count; number++) await source.publish(`${subject}.${number}`, payload);
      await source.flush();
      await this.#drained(consumer);
    };
    await publish(warmUpFrames);
    const startedAt = performance.now();
    await publish(frames);
    return frames / ((performance.now() - startedAt) / 1_000);
  }

  async #drained(consumer: string): Promise<void> {
    const manager = await jetstreamManager(this.#gateway);
    await eventually(
      async () => {
        const lag = await readLag(manager, streams.events, consumer);
        return lag && lag.pending + lag.ackPending === 0;
      },
      { timeoutMs: runMsMax, what: `${consumer} has handled every frame` },
    );
  }

  async #purge(): Promise<void> {
    await (await jetstreamManager(this.#gateway)).streams.purge(streams.events);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true });
    await this.#gateway.close();
  }
}

const echoSource = `import { defineFunction } from 'pilotfish/sdk';
export default defineFunction({ handle: (event) => event.open() });
`;

/** Private memory of an agent whose only function is slow, with a million events behind it. */
async function benchPending(): Promise<BenchResult> {
  await using pilot = await TestPilot.start({ nodes: 1, coresPerNode: 1 });
  const folder = mkdtempSync(join(tmpdir(), 'pilotfish-bench-'));
  try {
    writeFileSync(
      join(folder, 'slow.ts'),
      `import { defineFunction } from 'pilotfish/sdk';
export default defineFunction({ handle: () => new Promise((resolve) => setTimeout(resolve, 20)) });
`,
    );
    writeFileSync(
      join(folder, 'pilotfish.yaml'),
      'functions:\n  slow:\n    entry: slow.ts\n    on: [{ subject: "waiting.*" }]\n',
    );
    const deployed = await pilot.cli(['deploy', folder]);
    if (deployed.code !== 0) throw new Error(deployed.stderr);
    await using source = await pilot.events('source');
    const payload = Buffer.alloc(128, 'x');
    for (let number = 0; number < pendingEvents; number++) await source.publish(`waiting.${number}`, payload);
    await source.flush();
    const megabytes = privateMegabytes(pilot.pid('n1', 'agent'));
    return compare('agent-mb-1m-pending', 'MB', [megabytes], [agentMegabytesMax]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function seedOf(pilot: TestPilot, role: string): string {
  return readFileSync(join(pilot.directory, 'keys', `${role}.seed`), 'utf8').trim();
}
