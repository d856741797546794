/**
 * Events per CPU second of what a pilot adds to an event (agent, spawner and instances) through `echo` at 128 B, against
 * two loops that do the same by hand: consume, publish with a message id, ack after the PubAck. Same server, same stream,
 * same ids, same TLS setting (none on loopback). Runs take turns.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { headers, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { connectNats, ensureConsumer, eventSubject, readLag, streams } from '#broker';
import { eventually } from '../harness/eventually.ts';
import { TestPilot } from '../harness/pilot.ts';
import type { BaselineSettings } from './baseline/settings.ts';
import { cpuNanoseconds } from './cpu.ts';
import { type BenchResult, compare } from './report.ts';
import type { BenchOptions } from './run.ts';

const payloadBytes = 128;
/** Not counted: code is compiled, pipelines fill. */
export const warmUpEvents = 30_000;
const runMsMax = 120_000;

export interface Side {
  readonly subject: string;
  readonly consumer: string;
  readonly pid: number;
  close(): Promise<void>;
}

export async function benchEvents(options: BenchOptions): Promise<BenchResult[]> {
  await using pilot = await TestPilot.start({ nodes: 1, coresPerNode: 1 });
  const seedOf = (role: string) => readFileSync(join(pilot.directory, 'keys', `${role}.seed`), 'utf8').trim();
  await using connections = await benchConnections(pilot);
  const { gateway, source } = connections;
  const sides = { ours: [] as number[], textbook: [] as number[], tuned: [] as number[] };
  for (let run = 0; run < options.runs; run++) {
    for (const name of ['ours', 'textbook', 'tuned'] as const) {
      const side = name === 'ours' ? await openOurs(pilot) : await openBaseline(name, pilot, gateway, seedOf('agent'));
      const perSecond = await measure(side, gateway, source, options.events);
      await side.close();
      sides[name].push(perSecond);
      process.stderr.write(
        `run ${run + 1}/${options.runs} ${name}: ${Math.round(perSecond).toLocaleString('en')} events per CPU second\n`,
      );
      await (await jetstreamManager(gateway)).streams.purge(streams.events);
    }
  }
  return [
    compare('echo128-vs-textbook', 'events/CPU s', sides.ours, sides.textbook),
    compare('echo128-vs-tuned', 'events/CPU s', sides.ours, sides.tuned),
  ];
}

/** As a gateway and as a source of the pilot. */
export async function benchConnections(pilot: TestPilot) {
  const servers = pilot.connection.brokers;
  const open = (role: 'gateway' | 'source') => {
    const seed = readFileSync(join(pilot.directory, 'keys', `${role}.seed`), 'utf8').trim();
    return connectNats({ servers, seed, role, member: 'bench' });
  };
  const [gateway, source] = await Promise.all([open('gateway'), open('source')]);
  return {
    gateway,
    source,
    async [Symbol.asyncDispose]() {
      await Promise.all([gateway.close(), source.close()]);
    },
  };
}

export async function openOurs(pilot: TestPilot): Promise<Side> {
  const deployed = await pilot.cli(['deploy', join(import.meta.dirname, '../../functions/echo')]);
  if (deployed.code !== 0) throw new Error(deployed.stderr);
  return {
    subject: eventSubject('numbers'),
    consumer: 'fn-echo-on0',
    pid: pilot.pid('n1', 'agent'),
    close: async () => {
      await pilot.client.remove('echo');
    },
  };
}

export async function openBaseline(
  name: 'textbook' | 'tuned',
  pilot: TestPilot,
  gateway: NatsConnection,
  seed: string,
): Promise<Side> {
  const subject = eventSubject(`bench-${name}`);
  const consumer = `bench-${name}`;
  await ensureConsumer(await jetstreamManager(gateway), streams.events, consumer, `${subject}.*`);
  const settings: BaselineSettings = {
    servers: pilot.connection.brokers,
    seed,
    inbox: `_INBOX.agent.${name}`,
    consumer,
  };
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'baseline', `${name}.ts`), JSON.stringify(settings)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await ready(child);
  return {
    subject,
    consumer,
    pid: child.pid ?? 0,
    close: async () => {
      child.kill('SIGKILL');
      await (await jetstreamManager(gateway)).consumers.delete(streams.events, consumer);
    },
  };
}

function ready(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.stdout?.once('data', () => resolve());
  child.once('exit', (code) => reject(new Error(`the baseline ended with ${code}`)));
  return promise;
}

/** Events per CPU second of `side` and its children. */
async function measure(side: Side, gateway: NatsConnection, source: NatsConnection, events: number): Promise<number> {
  const manager = await jetstreamManager(gateway);
  await publishEvents(source, side.subject, warmUpEvents);
  await drained(manager, side);
  const before = cpuNanoseconds(side.pid);
  await publishEvents(source, side.subject, events);
  await drained(manager, side);
  return events / ((cpuNanoseconds(side.pid) - before) / 1e9);
}

export async function drained(manager: JetStreamManager, { consumer }: Side): Promise<void> {
  await eventually(
    async () => {
      const lag = await readLag(manager, streams.events, consumer);
      return lag && lag.pending + lag.ackPending === 0;
    },
    { timeoutMs: runMsMax, what: `${consumer} has handled every event` },
  );
}

/**
 * Stored without PubAcks: the publisher is no part of the measurement, the server's backlog is awaited by flushing.
 * One event in `traceEvery` is traced, none at 0.
 */
export async function publishEvents(
  source: NatsConnection,
  subject: string,
  count: number,
  traceEvery = 0,
): Promise<void> {
  const payload = Buffer.alloc(payloadBytes, 'x');
  for (let number = 0; number < count; number++) {
    const isTraced = traceEvery > 0 && number % traceEvery === 0;
    source.publish(`${subject}.${number}`, payload, isTraced ? { headers: traceHeaders() } : undefined);
    if (number % 500 === 499) await source.flush();
  }
  await source.flush();
}

function traceHeaders(): MsgHdrs {
  const made = headers();
  made.set('traceparent', `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`);
  return made;
}
