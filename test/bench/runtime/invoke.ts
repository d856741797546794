/**
 * `Invoke` of a warm function through gateway, agent and instance, against a bare grpc-js unary echo with the same TLS. Beside it
 * the same echo by way of two more processes that only pass bytes on: the least that a call by that way can cost.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { CertificateAuthority } from '../../../platform/security/certificates.ts';
import { deployFolder } from '../../harness/functions.ts';
import { TestPilot } from '../../harness/pilot.ts';
import { echoMethod } from '../baseline/grpc-echo-method.ts';
import { type BenchResult, compare } from '../report.ts';

const payload = Buffer.alloc(128, 1);
const callers = 32;
const calls = 1_500;
/** Five processes have to compile what they run often; fewer calls measure their compilers. */
const warmUpCalls = 8_000;

type Call = () => Promise<unknown>;

export async function benchInvoke(rounds: number): Promise<BenchResult[]> {
  await using pilot = await TestPilot.start({ coresPerNode: 2 });
  await deployFolder(pilot, join(import.meta.dirname, '../../../functions/echo'));
  const ours: Call = () => pilot.client.invoke('echo', payload);
  await using bare = await openBare([]);
  await using passed = await openBare(['relay', 'end']);
  const [samples, base, floor] = [noSamples(), noSamples(), noSamples()];
  for (let round = 0; round <= rounds; round++) {
    for (const [into, call] of [
      [samples, ours],
      [base, bare.call],
      [floor, passed.call],
    ] as const) {
      const times = await oneByOne(call, round === 0 ? warmUpCalls : calls);
      const perSecond = await together(call, 4_000);
      if (round === 0) continue;
      into.p50.push(quantile(times, 0.5));
      into.p99.push(quantile(times, 0.99));
      into.rate.push(perSecond);
    }
  }
  return [
    compare('invoke-p50-vs-grpc', 'us', samples.p50, base.p50),
    compare('invoke-p99-vs-grpc', 'us', samples.p99, base.p99),
    compare('invoke-rate-vs-grpc', 'calls/s', samples.rate, base.rate),
    compare('passed-p50-vs-grpc', 'us', floor.p50, base.p50),
    compare('passed-rate-vs-grpc', 'calls/s', floor.rate, base.rate),
  ];
}

function noSamples() {
  return { p50: [] as number[], p99: [] as number[], rate: [] as number[] };
}

/** Microseconds of each call. */
async function oneByOne(call: Call, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let at = 0; at < count; at++) {
    const began = performance.now();
    await call();
    times.push((performance.now() - began) * 1_000);
  }
  return times;
}

/** Calls a second, with so many open at a time. */
async function together(call: Call, count: number): Promise<number> {
  let left = count;
  const began = performance.now();
  const caller = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return count / ((performance.now() - began) / 1_000);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** `relays` are the processes between the server and the end of the way. */
async function openBare(relays: readonly string[]): Promise<AsyncDisposable & { readonly call: Call }> {
  const folder = mkdtempSync(join(tmpdir(), 'pilotfish-bench-'));
  const now = Date.now();
  const authority = await CertificateAuthority.create('bench', now);
  const identity = await authority.issue(
    { commonName: 'bench', usage: ['server', 'client'], dnsNames: ['localhost'], addresses: [] },
    now,
  );
  const files = [authority.cert, identity.cert, identity.key].map((text, at) => {
    const path = join(folder, `${at}.pem`);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  });
  const children: ChildProcess[] = [];
  const start = async (script: string, ...args: readonly string[]) => {
    const child = fork(join(import.meta.dirname, '../baseline', script), args, { execArgv: [] });
    children.push(child);
    return (await once(child, 'message'))[0] as unknown;
  };
  const sockets = relays.map((name) => join(folder, name));
  for (const [at, path] of [...sockets.entries()].reverse())
    await start('relay.ts', path, ...sockets.slice(at + 1, at + 2));
  const port = await start('grpc-echo.ts', ...files, ...sockets.slice(0, 1));
  const ssl = credentials.createSsl(Buffer.from(authority.cert), Buffer.from(identity.key), Buffer.from(identity.cert));
  const client = new Client(`127.0.0.1:${port}`, ssl, { 'grpc.ssl_target_name_override': 'localhost' });
  return {
    call() {
      const { promise, resolve, reject } = Promise.withResolvers<Buffer | undefined>();
      const { path, requestSerialize, responseDeserialize } = echoMethod;
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, payload, (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
      return promise;
    },
    async [Symbol.asyncDispose]() {
      client.close();
      for (const child of children) {
        child.disconnect();
        await once(child, 'exit');
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
