/** Calls without grpc-js against our own server over mutual TLS; what other servers may answer is in unary-answers.test.ts. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ErrorCode, errorCodes, PlatformError } from '#common';
import { GatewayService, type InvokeRequest, type InvokeResponse } from '#proto';
import {
  invokePayloadBytesMax,
  messageBytesMax,
  type RpcServer,
  startRpcServer,
  type TlsIdentity,
  UnaryClient,
  unary,
} from '#rpc';
import { gatewayServerName } from '#security';
import { freePort } from '../harness/free-port.ts';
import { createMembers } from '../harness/members.ts';

const serverName = gatewayServerName('test');
const keepalive = { timeMs: 60_000, timeoutMs: 60_000 };
let member: TlsIdentity;
let stranger: TlsIdentity;
let tls: TlsIdentity;
let server: RpcServer;
let gone = 0;
const waiting: (() => void)[] = [];
const opened: (() => unknown)[] = [];

const implementation = {
  invoke: unary(async (request: InvokeRequest, context): Promise<InvokeResponse> => {
    if (request.function === 'wait') {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push(resolve);
      context.whenGone(() => {
        gone++;
        resolve();
      });
      await promise;
    } else if (request.function !== 'echo')
      throw new PlatformError(request.function as ErrorCode, 'why 50 % "ü"\n', { hint: 'next', foreignStack: 'at f' });
    const { payload } = request;
    return { payload, headers: {}, instance: 'i', node: 'n', cold: false, durationMs: 1, version: 1 };
  }),
};

async function serve(port = 0): Promise<RpcServer> {
  const services = [[GatewayService, implementation] as const];
  const started = await startRpcServer({ host: '127.0.0.1', port, tls, services, reflection: false });
  opened.push(() => started.close(0));
  return started;
}

beforeAll(async () => {
  const { issue } = await createMembers();
  member = await issue('owner');
  tls = await issue('gateway', [serverName]);
  stranger = await (await createMembers('other')).issue('owner');
  server = await serve();
  opened.length = 0;
});
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});
afterAll(() => server.close(0));

function open(
  addresses: readonly string[] = [server.address],
  settings: Partial<TlsIdentity> = member,
  pings = keepalive,
) {
  const client = new UnaryClient({ addresses, serverName, tls: { ...member, ...settings } }, pings);
  opened.push(() => client.close());
  const invoke = (
    name: string,
    payload = Buffer.from('hi'),
    limits: { timeoutMs?: number; signal?: AbortSignal } = {},
  ) => client.call(GatewayService.invoke, { function: name, version: '', payload, headers: {}, timeoutMs: 0 }, limits);
  return { client, invoke };
}

test('calls that begin at once share one connection, and each has its own answer', async () => {
  await expect.poll(() => server.connections.size).toBe(0);
  const { invoke } = open();
  const texts = Array.from({ length: 3_000 }, (_, at) => `call ${at}`);
  const answers = await Promise.all(texts.map((text) => invoke('echo', Buffer.from(text))));
  expect(answers.map(({ payload }) => payload.toString())).toEqual(texts);
  expect(server.connections.size).toBe(1);
});

test.each([0, 1, 16 * 2 ** 10, 70_001, invokePayloadBytesMax])(
  'a payload of %i bytes goes there and back',
  async (bytes) => {
    const payload = Buffer.alloc(bytes, 'abcdefg');
    const answer = await open().invoke('echo', payload);
    expect(answer.payload.equals(payload)).toBe(true);
  },
);

test.each(Object.keys(errorCodes))('error "%s" keeps its message, hint and stack', async (code) => {
  await expect(open().invoke(code)).rejects.toMatchObject({
    code,
    message: 'why 50 % "ü"\n',
    hint: 'next',
    foreignStack: 'at f',
  });
});

test('a method that the server does not have is told by its status', async () => {
  const { client } = open();
  const method = { ...GatewayService.invoke, path: '/pilotfish.v1.Gateway/Nothing' };
  await expect(
    client.call(method, { function: '', version: '', payload: Buffer.alloc(0), headers: {}, timeoutMs: 0 }),
  ).rejects.toMatchObject({ code: 'internal', hint: expect.stringContaining('different version') });
});

test('a request above the limit is refused before it is sent', async () => {
  const { invoke } = open();
  await invoke('echo');
  await expect(invoke('echo', Buffer.alloc(messageBytesMax + 1))).rejects.toMatchObject({ code: 'payload-too-large' });
  expect((await invoke('echo')).payload.toString()).toBe('hi');
});

test('a deadline ends the call here and is told there', async () => {
  gone = 0;
  await expect(open().invoke('wait', undefined, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'timeout' });
  await expect.poll(() => gone, { timeout: 5_000 }).toBe(1);
});

test('a deadline beyond what a timer can hold is none', async () => {
  const { invoke } = open();
  for (const timeoutMs of [2 ** 31, 1e12, Number.POSITIVE_INFINITY])
    expect((await invoke('echo', undefined, { timeoutMs })).payload.toString()).toBe('hi');
});

test('a signal ends the call before it is sent, while it waits for a connection, and while it runs', async () => {
  gone = 0;
  const { invoke } = open();
  await expect(invoke('echo', undefined, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
  const dialing = new AbortController();
  const first = open().invoke('echo', undefined, { signal: dialing.signal });
  dialing.abort();
  await expect(first).rejects.toMatchObject({ code: 'cancelled' });
  await invoke('echo');
  await expect(invoke('echo', undefined, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
  const running = new AbortController();
  const call = invoke('wait', undefined, { signal: running.signal });
  await expect.poll(() => waiting.length, { timeout: 5_000 }).toBeGreaterThan(0);
  running.abort();
  await expect(call).rejects.toMatchObject({ code: 'cancelled' });
  await expect.poll(() => gone, { timeout: 5_000 }).toBe(1);
  expect((await invoke('echo')).payload.toString()).toBe('hi');
});

test('where nobody listens it says where, and the next call finds who has come', async () => {
  const port = await freePort();
  const { invoke } = open([`127.0.0.1:${port}`]);
  await expect(invoke('echo')).rejects.toMatchObject({
    code: 'unavailable',
    message: `nobody answers at 127.0.0.1:${port} (ECONNREFUSED)`,
    hint: expect.stringContaining('pilot'),
  });
  await serve(port);
  expect((await invoke('echo')).payload.toString()).toBe('hi');
});

test('of several addresses the first that answers is taken', async () => {
  const { invoke } = open([`127.0.0.1:${await freePort()}`, server.address]);
  expect((await invoke('echo')).payload.toString()).toBe('hi');
});

test('strangers are not let in, and a server of another name is not believed', async () => {
  await expect(open(undefined, { ...stranger, ca: member.ca }).invoke('echo')).rejects.toMatchObject({
    code: expect.stringMatching(/^unavailable|unauthenticated$/),
  });
  await expect(open(undefined, stranger).invoke('echo')).rejects.toMatchObject({ code: 'unauthenticated' });
  const client = new UnaryClient({ addresses: [server.address], serverName: gatewayServerName('other'), tls: member });
  opened.push(() => client.close());
  const request = { function: 'echo', version: '', payload: Buffer.alloc(0), headers: {}, timeoutMs: 0 };
  await expect(client.call(GatewayService.invoke, request)).rejects.toMatchObject({ code: 'unauthenticated' });
});

test('a server that goes takes its open calls with it, and its successor is found by the next', async () => {
  const first = await serve();
  const { invoke } = open([first.address]);
  await invoke('echo');
  waiting.length = 0;
  const lost = invoke('wait');
  await expect.poll(() => waiting.length, { timeout: 5_000 }).toBe(1);
  const ended = expect(lost).rejects.toMatchObject({ code: 'unavailable' });
  await first.close(0);
  await ended;
  await serve(first.port);
  expect((await invoke('echo')).payload.toString()).toBe('hi');
});

test('a server that lets calls end answers the open one, and the next call dials again', async () => {
  const first = await serve();
  const { invoke } = open([first.address]);
  await invoke('echo');
  waiting.length = 0;
  const call = invoke('wait');
  await expect.poll(() => waiting.length, { timeout: 5_000 }).toBe(1);
  let ended = false;
  const closed = first.close(20_000).then(() => {
    ended = true;
  });
  await expect
    .poll(() =>
      invoke('echo').then(
        () => 'answered',
        (error: PlatformError) => error.code,
      ),
    )
    .toBe('unavailable');
  expect(ended).toBe(false);
  waiting[0]?.();
  expect((await call).payload.toString()).toBe('hi');
  await closed;
});

test('a closed client ends what is open and takes no more', async () => {
  const { client, invoke } = open();
  await invoke('echo');
  waiting.length = 0;
  const call = invoke('wait');
  await expect.poll(() => waiting.length, { timeout: 5_000 }).toBe(1);
  client.close();
  await expect(call).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('closed') });
  await expect(invoke('echo')).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('closed'),
  });
  const early = open();
  const dialing = early.invoke('echo');
  early.client.close();
  await expect(dialing).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('closed') });
});

test('a peer that falls silent ends its calls', async () => {
  const pipes: Socket[] = [];
  const between = createServer((near) => {
    const far = connect(server.port, '127.0.0.1');
    near.pipe(far).pipe(near);
    pipes.push(near, far);
    for (const end of [near, far]) end.on('error', () => undefined);
  });
  between.listen(0, '127.0.0.1');
  await once(between, 'listening');
  opened.push(() => {
    for (const pipe of pipes) pipe.destroy();
    between.close();
  });
  const address = `127.0.0.1:${(between.address() as AddressInfo).port}`;
  const { invoke } = open([address], member, { timeMs: 50, timeoutMs: 200 });
  await invoke('echo');
  const call = invoke('wait');
  for (const pipe of pipes) pipe.unpipe().pause();
  await expect(call).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('no sign of life'),
  });
});
