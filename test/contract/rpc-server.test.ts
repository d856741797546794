/** Our gRPC surface over real mutual TLS: who gets in, what errors look like, what a stranger can ask. */

import { createSecureContext } from 'node:tls';
import { credentials, Metadata, makeGenericClientConstructor, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ErrorCode, errorCodes, PlatformError } from '#common';
import { ErrorDetail, GatewayClient, GatewayService, type InvokeRequest, WatchResponse } from '#proto';
import {
  callUnary,
  errorTrailer,
  fromServiceError,
  messageBytesMax,
  openClient,
  type RpcServer,
  readStream,
  serverStream,
  startRpcServer,
  type TlsIdentity,
  toServiceError,
  unary,
} from '#rpc';
import { gatewayServerName } from '#security';
import { createMembers } from '../harness/members.ts';

const serverName = gatewayServerName('test');
const responsesWhole = 2_000;

let server: RpcServer;
let member: TlsIdentity;
let stranger: TlsIdentity;
let seenPeer = '';
let responses = responsesWhole;
let ended = false;
let aborted = false;
const told: string[] = [];

const implementation = {
  invoke: unary(async (request: InvokeRequest, context) => {
    const { peer } = context;
    seenPeer = peer;
    if (request.function === 'listen') {
      context.whenGone(() => told.push('taken back'))();
      await new Promise<void>((resolve) => context.whenGone(resolve));
      told.push('gone');
      context.whenGone(() => told.push('gone already'));
    }
    const { signal } = context;
    if (request.function === 'wait')
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    aborted = signal.aborted;
    if (aborted) throw new PlatformError('cancelled', 'nobody waits');
    if (request.function === 'half') throw new PlatformError('function-failed', `${'x'.repeat(1_998)}😀\ud800`);
    if (request.function !== 'echo')
      throw new PlatformError(request.function as ErrorCode, 'why', { hint: 'what next', foreignStack: 'at f' });
    return { payload: request.payload, headers: {}, instance: 'i', node: 'n', cold: false, durationMs: 1, version: 1 };
  }),
  watch: serverStream(async function* (_request: object, { signal }): AsyncGenerator<WatchResponse> {
    ended = false;
    try {
      for (let timeMs = 0; timeMs < responses && !signal.aborted; timeMs++)
        yield WatchResponse.fromPartial({ timeMs, epoch: 1 });
      throw new PlatformError('conflict', 'at the end');
    } finally {
      ended = true;
    }
  }),
};

beforeAll(async () => {
  const { issue } = await createMembers();
  member = await issue('owner');
  stranger = await (await createMembers('other')).issue('owner');
  const tls = await issue('gateway', [serverName]);
  server = await startRpcServer({
    host: '127.0.0.1',
    port: 0,
    tls,
    services: [[GatewayService, implementation]],
    reflection: true,
  });
});
afterAll(() => server.close(1_000));

const open = (tls: TlsIdentity, name = serverName) =>
  openClient(GatewayClient, { address: server.address, serverName: name, tls });
const request = (name: string, payload = Buffer.from('hi')) => ({
  function: name,
  version: '',
  payload,
  headers: {},
  timeoutMs: 0,
});

async function invoke(tls: TlsIdentity, name: string, serverNameExpected?: string) {
  const client = open(tls, serverNameExpected);
  try {
    return await callUnary(client.invoke.bind(client), request(name), { timeoutMs: 5_000 });
  } finally {
    client.close();
  }
}

test('an error with half a character in it, or cut in the middle of one, arrives', async () => {
  const client = openClient(GatewayClient, { address: server.address, serverName, tls: member });
  const request = { function: 'half', version: '', payload: Buffer.alloc(0), headers: {}, timeoutMs: 0 };
  await expect(callUnary(client.invoke.bind(client), request)).rejects.toMatchObject({
    code: 'function-failed',
    message: expect.stringMatching(/^x+\ufffd…$/),
  });
  client.close();
});

test('a member of the pilot is let in and known by name', async () => {
  const answer = await invoke(member, 'echo');
  expect(answer.payload.toString()).toBe('hi');
  expect(seenPeer).toBe('owner');
});

test('a certificate of another authority does not get in', async () => {
  const mixed = { ...stranger, ca: member.ca };
  await expect(invoke(mixed, 'echo')).rejects.toMatchObject({
    code: expect.stringMatching(/^unavailable|unauthenticated$/),
  });
  await expect(invoke(stranger, 'echo')).rejects.toMatchObject({ code: 'unauthenticated' });
});

test('a client without a certificate does not get in', async () => {
  const bare = credentials.createFromSecureContext(createSecureContext({ ca: member.ca, minVersion: 'TLSv1.3' }));
  const client = new GatewayClient(server.address, bare, { 'grpc.ssl_target_name_override': serverName });
  await expect(callUnary(client.invoke.bind(client), request('echo'), { timeoutMs: 5_000 })).rejects.toBeInstanceOf(
    PlatformError,
  );
  client.close();
});

test('TLS below 1.3 is refused', async () => {
  const old = credentials.createFromSecureContext(createSecureContext({ ...member, maxVersion: 'TLSv1.2' }));
  const client = new GatewayClient(server.address, old, { 'grpc.ssl_target_name_override': serverName });
  await expect(callUnary(client.invoke.bind(client), request('echo'), { timeoutMs: 5_000 })).rejects.toBeInstanceOf(
    PlatformError,
  );
  client.close();
});

test('a server of another name is not believed', async () => {
  await expect(invoke(member, 'echo', gatewayServerName('another'))).rejects.toMatchObject({ code: 'unauthenticated' });
});

test.each(Object.entries(errorCodes))(
  'error "%s" keeps code, hint and stack, and its gRPC status',
  async (code, facts) => {
    const client = open(member);
    const { promise, resolve } = Promise.withResolvers<ServiceError>();
    client.invoke(request(code), new Metadata(), { deadline: Date.now() + 5_000 }, (error) => error && resolve(error));
    const error = await promise;
    client.close();
    expect(error.code).toBe(facts.grpc);
    const trailer = error.metadata.get(errorTrailer)[0] as Buffer;
    expect(ErrorDetail.decode(trailer)).toMatchObject({ code, fault: facts.fault, retryable: facts.retryable });
    expect(fromServiceError(error)).toMatchObject({ code, message: 'why', hint: 'what next', foreignStack: 'at f' });
  },
);

test('an error too long for trailers is cut, not lost', () => {
  const error = fromServiceError(
    toServiceError(new PlatformError('function-failed', 'm'.repeat(1e5), { foreignStack: 's'.repeat(1e5) })),
  );
  expect(error.code).toBe('function-failed');
  expect(error.message.length + error.foreignStack.length).toBeLessThan(10_000);
});

test.each([
  [status.NOT_FOUND, 'not-found'],
  [status.DEADLINE_EXCEEDED, 'timeout'],
  [status.UNAVAILABLE, 'unavailable'],
  [status.UNIMPLEMENTED, 'internal'],
  [status.RESOURCE_EXHAUSTED, 'no-capacity'],
])('a foreign error of status %i becomes "%s"', (code, expected) => {
  const foreign = Object.assign(new Error('x'), { code, details: 'x', metadata: new Metadata() });
  expect(fromServiceError(foreign)).toMatchObject({ code: expected, message: 'x' });
});

test('a refused connection is told as an address where nobody answers', () => {
  const details =
    'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.11:45697. Resolution note: ';
  const foreign = Object.assign(new Error(details), { code: status.UNAVAILABLE, details, metadata: new Metadata() });
  expect(fromServiceError(foreign)).toMatchObject({
    code: 'unavailable',
    message: 'nobody answers at 127.0.0.11:45697 (ECONNREFUSED)',
  });
});

test('a message above the limit is refused by name', async () => {
  const client = open(member);
  const call = callUnary(client.invoke.bind(client), request('echo', Buffer.alloc(messageBytesMax + 1)));
  await expect(call).rejects.toMatchObject({ code: 'payload-too-large' });
  client.close();
});

test('a deadline ends the call here and aborts its handler there', async () => {
  const client = open(member);
  aborted = false;
  await expect(callUnary(client.invoke.bind(client), request('wait'), { timeoutMs: 200 })).rejects.toMatchObject({
    code: 'timeout',
  });
  await expect.poll(() => aborted, { timeout: 5_000 }).toBe(true);
  client.close();
});

test('a signal cancels the call', async () => {
  const client = open(member);
  const controller = new AbortController();
  const call = callUnary(client.invoke.bind(client), request('wait'), { signal: controller.signal });
  controller.abort();
  await expect(call).rejects.toMatchObject({ code: 'cancelled' });
  client.close();
});

test('a handler that only listens is told once that its caller has gone, and at once where it asks later', async () => {
  const client = open(member);
  const call = callUnary(client.invoke.bind(client), request('listen'), { timeoutMs: 200 });
  await expect(call).rejects.toMatchObject({ code: 'timeout' });
  await expect.poll(() => told, { timeout: 5_000 }).toEqual(['gone', 'gone already']);
  client.close();
});

test('a stream arrives whole and in order, then its error', async () => {
  const client = open(member);
  let next = 0;
  const read = async () => {
    for await (const { timeMs } of readStream(client.watch({ everyMs: 0, history: false })))
      expect(timeMs).toBe(next++);
  };
  await expect(read()).rejects.toMatchObject({ code: 'conflict', message: 'at the end' });
  expect(next).toBe(responsesWhole);
  client.close();
});

test('leaving a stream stops its source', async () => {
  const client = open(member);
  responses = Number.POSITIVE_INFINITY;
  for await (const { timeMs } of readStream(client.watch({ everyMs: 0, history: false }))) if (timeMs === 10) break;
  await expect.poll(() => ended, { timeout: 5_000 }).toBe(true);
  client.close();
});

test('a stranger can ask for health', async () => {
  const { service } = await import('grpc-health-check');
  const Health = makeGenericClientConstructor(service, 'Health');
  const tls = credentials.createFromSecureContext(createSecureContext({ ...member }));
  const health = new Health(server.address, tls, {
    'grpc.ssl_target_name_override': serverName,
  }) as unknown as HealthClient;
  for (const name of ['', 'pilotfish.v1.Gateway']) {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    health.check({ service: name }, (error, answer) => resolve(error ?? answer));
    expect(await promise).toMatchObject({ status: 'SERVING' });
  }
  health.close();
});

interface HealthClient {
  check(request: object, callback: (error: ServiceError | null, answer: unknown) => void): void;
  close(): void;
}
