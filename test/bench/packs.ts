/**
 * Small events in packs through a batch handler, against the tuned loop with one event a message: events a second by the clock,
 * from a stream that was filled before, so that the source takes no part. Runs take turns; the pilot's home lies in memory.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connectNats, ensureConsumer, eventSubject, readLag, streams } from '#broker';
import { systemClock } from '#common';
import { eventually } from '../harness/eventually.ts';
import { TestPilot } from '../harness/pilot.ts';
import { openBaseline } from './events.ts';
import { type BenchResult, compare } from './report.ts';

const payload = Buffer.alloc(128, 'x');
const packedEvents = 640_000;
const tunedEvents = 60_000;
const warmUpShare = 0.25;
const runMsMax = 120_000;
const consumer = 'fn-packed-on0';

const manifest = `functions:
  packed:
    entry: packed.ts
    on: [{ subject: "packed.*" }]
    output: "packed-done.{1}"
    batch: { size: 256 }
`;
const handler = `import { defineFunction } from 'pilotfish/sdk';
export default defineFunction({ handleBatch: (events) => events.map(({ data }) => data) });
`;

export async function benchPacks(runs: number): Promise<BenchResult> {
  const home = mkdtempSync('/dev/shm/pilotfish-bench-');
  const folder = mkdtempSync(join(tmpdir(), 'pilotfish-bench-'));
  try {
    await using pilot = await TestPilot.start({ nodes: 1, coresPerNode: 1, home });
    writeFileSync(join(folder, 'packed.ts'), handler);
    writeFileSync(join(folder, 'pilotfish.yaml'), manifest);
    const deployed = await pilot.cli(['deploy', folder]);
    if (deployed.code !== 0) throw new Error(deployed.stderr);
    const packed: number[] = [];
    const tuned: number[] = [];
    for (let run = 0; run < runs; run++) {
      packed.push(await ours(pilot));
      tuned.push(await theirs(pilot));
      process.stderr.write(
        `run ${run + 1}/${runs} events/s: packed ${packed.at(-1)?.toFixed(0)}, tuned ${tuned.at(-1)?.toFixed(0)}\n`,
      );
    }
    return compare('packed-vs-tuned', 'events/s', packed, tuned);
  } finally {
    rmSync(home, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

async function ours(pilot: TestPilot): Promise<number> {
  await pause(pilot, true);
  await using source = await pilot.events('source', { pack: true });
  for (let number = 0; number < packedEvents; number++) await source.publish(`packed.${number >> 14}`, payload);
  await source.flush();
  await using broker = await Broker.open(pilot);
  const rate = broker.drained(consumer, packedEvents);
  await pause(pilot, false);
  return await rate;
}

async function theirs(pilot: TestPilot): Promise<number> {
  await using broker = await Broker.open(pilot);
  await ensureConsumer(broker.manager, streams.events, 'bench-tuned', `${eventSubject('bench-tuned')}.*`);
  await using source = await pilot.events('source');
  for (let number = 0; number < tunedEvents; number++) await source.publish(`bench-tuned.${number}`, payload);
  await source.flush();
  const rate = broker.drained('bench-tuned', tunedEvents);
  const seed = readFileSync(join(pilot.directory, 'keys', 'agent.seed'), 'utf8').trim();
  const side = await openBaseline('tuned', pilot, broker.nats, seed);
  try {
    return await rate;
  } finally {
    await side.close();
  }
}

async function pause(pilot: TestPilot, paused: boolean): Promise<void> {
  const done = await pilot.cli(['trigger', paused ? 'pause' : 'resume', 'packed', 'on0']);
  if (done.code !== 0) throw new Error(done.stderr);
}

class Broker {
  readonly nats: Awaited<ReturnType<typeof connectNats>>;
  readonly manager: Awaited<ReturnType<typeof jetstreamManager>>;

  private constructor(nats: Broker['nats'], manager: Broker['manager']) {
    this.nats = nats;
    this.manager = manager;
  }

  static async open(pilot: TestPilot): Promise<Broker> {
    const seed = readFileSync(join(pilot.directory, 'keys', 'gateway.seed'), 'utf8').trim();
    const nats = await connectNats({ servers: pilot.connection.brokers, seed, role: 'gateway', member: 'bench' });
    return new Broker(nats, await jetstreamManager(nats));
  }

  /** Events a second while the consumer works its backlog off; the first quarter warms it up. */
  async drained(name: string, events: number): Promise<number> {
    const whole = await this.#left(name);
    const below = async (share: number) => {
      await eventually(async () => (await this.#left(name)) <= whole * share, {
        timeoutMs: runMsMax,
        what: `${name} has ${share} left of ${whole} messages`,
      });
      return { left: await this.#left(name), at: systemClock.monotonic() };
    };
    const from = await below(1 - warmUpShare);
    const to = await below(0);
    return (((from.left - to.left) / whole) * events) / ((to.at - from.at) / 1_000);
  }

  async #left(name: string): Promise<number> {
    const lag = await readLag(this.manager, streams.events, name);
    return lag ? lag.pending + lag.ackPending : Number.POSITIVE_INFINITY;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.streams.purge(streams.events);
    await this.nats.close();
  }
}
