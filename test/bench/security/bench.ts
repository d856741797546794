/**
 * What encryption costs, TLS against none in turns in one run. Streams: CPU time of client and server together for an event
 * that is pulled, published and acked, at 128 B one by one, 64 of them packed in one message, and as frames of 2 MiB.
 * Invoke: p50 of a unary gRPC call at 128 B behind our port with mutual TLS and behind grpc-js without any.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats, ensureConsumer, ensureStreams, readLag, streams } from '#broker';
import { GatewayClient, GatewayService } from '#proto';
import { callUnary, openClient, startRpcServer } from '#rpc';
import { brokerServerName, gatewayServerName } from '#security';
import { eventually } from '../../harness/eventually.ts';
import { createMembers, echoInvoke } from '../../harness/members.ts';
import { startTestServer, type TestServer } from '../../harness/nats-server.ts';
import { cpuNanoseconds } from '../cpu.ts';
import { type BenchResult, compare } from '../report.ts';
import type { BenchOptions } from '../run.ts';
import type { LineSettings } from './line.ts';

const storeBytes = 2 * 2 ** 30;
const drainMsMax = 120_000;
const pilot = 'bench';
const smallBytes = 128;
const packed = 64;
const calls = 1_500;

interface Load {
  readonly name: string;
  readonly bytes: number;
  readonly messages: number;
  /** Events that a message carries. */
  readonly events: number;
  readonly credit: number;
}

const loads: readonly Load[] = [
  { name: '128b', bytes: smallBytes, messages: 30_000, events: 1, credit: 512 },
  { name: 'packed', bytes: smallBytes * packed, messages: 6_000, events: packed, credit: 512 },
  { name: 'frames2m', bytes: 2 * 2 ** 20, messages: 150, events: 1, credit: 16 },
];

export async function benchSecurity({ runs }: BenchOptions): Promise<BenchResult[]> {
  const { issue } = await createMembers(pilot);
  await using encrypted = await Side.start(await issue('broker', [brokerServerName(pilot)]));
  await using plain = await Side.start(undefined);
  const results: BenchResult[] = [];
  for (const load of loads) {
    const samples = { encrypted: [] as Sample[], plain: [] as Sample[] };
    for (let run = 0; run <= runs; run++) {
      for (const [into, side] of [
        [samples.encrypted, encrypted],
        [samples.plain, plain],
      ] as const) {
        const sample = await side.measure(load);
        // The first compiles.
        if (run > 0) into.push(sample);
      }
    }
    const pick = (key: keyof Sample) =>
      [samples.encrypted.map((each) => each[key]), samples.plain.map((each) => each[key])] as const;
    results.push(compare(`cpu-${load.name}-tls-vs-plain`, 'us/event', ...pick('cpuMicroseconds')));
    results.push(compare(`rate-${load.name}-tls-vs-plain`, 'events/s', ...pick('perSecond')));
  }
  results.push(await benchInvokes(await issue('gateway', [gatewayServerName(pilot)]), runs));
  return results;
}

interface Sample {
  readonly cpuMicroseconds: number;
  readonly perSecond: number;
}

class Side implements AsyncDisposable {
  readonly #server: TestServer;
  readonly #gateway: NatsConnection;
  readonly #settings: Omit<LineSettings, 'consumer' | 'credit'>;

  private constructor(
    server: TestServer,
    gateway: NatsConnection,
    settings: Omit<LineSettings, 'consumer' | 'credit'>,
  ) {
    this.#server = server;
    this.#gateway = gateway;
    this.#settings = settings;
  }

  static async start(tls: { ca: string; cert: string; key: string } | undefined): Promise<Side> {
    const server = await startTestServer({ storeBytes, ...(tls ? { tls } : {}) });
    const known = {
      servers: [`${tls ? 'tls' : 'nats'}://${server.address}`],
      ...(tls ? { tls: { ca: tls.ca, serverName: brokerServerName(pilot) } } : {}),
    };
    const gateway = await connectNats({ ...known, seed: server.seeds.gateway, role: 'gateway', member: 'bench' });
    await ensureStreams(await jetstreamManager(gateway), { storeBytes, replicas: 1 });
    return new Side(server, gateway, { ...known, seed: server.seeds.agent });
  }

  /** From a full backlog to an empty one, so that the source is no part of it. */
  async measure({ bytes, messages, events, credit }: Load): Promise<Sample> {
    const manager = await jetstreamManager(this.#gateway);
    const consumer = 'bench';
    await manager.consumers.delete(streams.events, consumer).catch(() => undefined);
    await manager.streams.purge(streams.events);
    await ensureConsumer(manager, streams.events, consumer, 'ev.in.*');
    const payload = Buffer.alloc(bytes, 'x');
    for (let at = 0; at < messages; at++) {
      this.#gateway.publish(`ev.in.${at}`, payload);
      if (((at + 1) * bytes) % 2 ** 22 < bytes) await this.#gateway.flush();
    }
    await this.#gateway.flush();
    await eventually(async () => ((await readLag(manager, streams.events, consumer))?.pending ?? 0) === messages, {
      what: 'the backlog',
      timeoutMs: drainMsMax,
    });
    const serverBefore = cpuNanoseconds(this.#server.pid);
    const began = performance.now();
    const line = spawn(
      process.execPath,
      [join(import.meta.dirname, 'line.ts'), JSON.stringify({ ...this.#settings, consumer, credit })],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await ready(line);
    const started = cpuNanoseconds(line.pid ?? 0);
    const startedAt = performance.now();
    await eventually(
      async () => {
        const lag = await readLag(manager, streams.events, consumer);
        return lag !== undefined && lag.pending + lag.ackPending === 0;
      },
      { what: 'all events are handled', timeoutMs: drainMsMax },
    );
    const seconds = (performance.now() - startedAt) / 1_000;
    const client = cpuNanoseconds(line.pid ?? 0) - started;
    const server = cpuNanoseconds(this.#server.pid) - serverBefore;
    line.kill('SIGKILL');
    process.stderr.write(`${bytes} B: ${Math.round(performance.now() - began)} ms\n`);
    const count = messages * events;
    return { cpuMicroseconds: (client + server) / 1_000 / count, perSecond: count / seconds };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway.close();
    await this.#server[Symbol.asyncDispose]();
  }
}

async function ready(line: ChildProcess): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  line.once('exit', (code) => reject(new Error(`the line ended with ${code}`)));
  promise.catch(() => undefined);
  if (line.stdout) await Promise.race([once(line.stdout, 'data'), promise]);
}

/** Client and server in this one process, on both sides. */
async function benchInvokes(tls: { ca: string; cert: string; key: string }, runs: number): Promise<BenchResult> {
  const handlers = {
    invoke: echoInvoke,
  };
  const secure = await startRpcServer({
    host: '127.0.0.1',
    port: 0,
    tls,
    services: [[GatewayService, handlers]],
    reflection: false,
  });
  const open = new Server();
  open.addService({ invoke: GatewayService.invoke }, handlers);
  const port = await new Promise<number>((resolve, reject) =>
    open.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const request = { function: 'f', version: '', payload: Buffer.alloc(smallBytes), headers: {}, timeoutMs: 0 };
  const client = openClient(GatewayClient, { address: secure.address, serverName: gatewayServerName(pilot), tls });
  const bare = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = GatewayService.invoke;
  const sides = {
    encrypted: () => callUnary(client.invoke.bind(client), request),
    plain: () =>
      new Promise<unknown>((resolve, reject) =>
        bare.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) =>
          error ? reject(error) : resolve(answer),
        ),
      ),
  };
  const samples = { encrypted: [] as number[], plain: [] as number[] };
  for (let run = 0; run <= runs; run++) {
    for (const name of ['encrypted', 'plain'] as const) {
      const p50 = await medianOf(sides[name], run === 0 ? 3 * calls : calls);
      if (run > 0) samples[name].push(p50);
    }
  }
  client.close();
  bare.close();
  open.forceShutdown();
  await secure.close(1_000);
  return compare('invoke-p50-tls-vs-plain', 'us', samples.encrypted, samples.plain);
}

async function medianOf(call: () => Promise<unknown>, count: number): Promise<number> {
  const times: number[] = [];
  for (let at = 0; at < count; at++) {
    const began = performance.now();
    await call();
    times.push((performance.now() - began) * 1_000);
  }
  return times.sort((a, b) => a - b)[Math.floor(count / 2)] ?? Number.NaN;
}
