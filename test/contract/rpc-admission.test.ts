/** What is let in is let go of once, however a call ends: else its caller would in time have no call left. */
import { once } from 'node:events';
import { Client as GenericClient, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PlatformError } from '#common';
import { type DeployRequest, GatewayClient, GatewayService, type InvokeRequest, WatchResponse } from '#proto';
import {
  callUnary,
  clientStream,
  openClient,
  type RpcServer,
  readStream,
  serverStream,
  startRpcServer,
  type TlsIdentity,
  unary,
} from '#rpc';
import { gatewayServerName } from '#security';
import { eventually } from '../harness/eventually.ts';
import { createMembers } from '../harness/members.ts';

const serverName = gatewayServerName('test');
let server: RpcServer;
let member: TlsIdentity;
let revoked: TlsIdentity;
let admitted = 0;
const asked: string[] = [];
const outcomes: string[] = [];

const implementation = {
  invoke: unary(async ({ function: name }: InvokeRequest, { signal }) => {
    if (name === 'fails') throw new PlatformError('function-failed', 'no');
    if (name === 'waits') await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    return { payload: Buffer.alloc(0), headers: {}, instance: 'i', node: 'n', cold: false, durationMs: 1, version: 1 };
  }),
  watch: serverStream(async function* ({ everyMs }: { everyMs: number }, { signal }): AsyncGenerator<WatchResponse> {
    yield WatchResponse.fromPartial({ timeMs: 1 });
    if (everyMs === 1) throw new PlatformError('conflict', 'no');
    if (everyMs === 2) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }),
  deploy: clientStream(async (requests: AsyncIterable<DeployRequest>) => {
    for await (const { part } of requests) if (part === undefined) throw new PlatformError('usage', 'no');
    return { version: undefined, change: 'unchanged' };
  }),
};

beforeAll(async () => {
  const { issue } = await createMembers();
  member = await issue('owner');
  revoked = await issue('t-revoked');
  server = await startRpcServer({
    host: '127.0.0.1',
    port: 0,
    tls: await issue('gateway', [serverName]),
    services: [[GatewayService, implementation]],
    reflection: true,
    admission: {
      admit: ({ caller, method }) => {
        if (caller.name === 't-revoked') throw new PlatformError('permission-denied', 'no');
        asked.push(method);
        admitted += 1;
        return (outcome) => outcomes.push(outcome);
      },
    },
  });
});
afterAll(() => server.close(1_000));

const open = () => openClient(GatewayClient, { address: server.address, serverName, tls: member });
type Client = ReturnType<typeof open>;
const invoke = (client: Client, name: string, signal?: AbortSignal) =>
  callUnary(
    client.invoke.bind(client),
    { function: name, version: '', payload: Buffer.alloc(0), headers: {}, timeoutMs: 0 },
    signal ? { signal } : {},
  );
const watch = (client: Client, everyMs: number, signal?: AbortSignal) =>
  readStream(client.watch({ everyMs, history: false }), signal);

/** Before it there is nothing to end. */
const untilAdmitted = () => eventually(() => admitted > outcomes.length, { what: 'the call', timeoutMs: 20_000 });

/** Each ends in its own way; what the caller sees of it is tested elsewhere. */
const endings: Record<string, (client: Client) => Promise<unknown>> = {
  'a result': (client) => invoke(client, 'echo'),
  'an error': (client) => invoke(client, 'fails'),
  'a call that is cancelled': (client) => {
    const gone = new AbortController();
    const call = invoke(client, 'waits', gone.signal);
    void untilAdmitted().then(() => gone.abort());
    return call;
  },
  'a call whose connection is cut': (client) => {
    const call = invoke(client, 'waits');
    void untilAdmitted().then(() => server.connections.cut('owner'));
    return call;
  },
  'a stream to its end': (client) => Array.fromAsync(watch(client, 0)),
  'a stream that fails': (client) => Array.fromAsync(watch(client, 1)),
  'a stream that is cancelled': async (client) => {
    const gone = new AbortController();
    for await (const _ of watch(client, 2, gone.signal)) gone.abort();
  },
  'a stream whose connection is cut': async (client) => {
    for await (const _ of watch(client, 2)) server.connections.cut('owner');
  },
  'an upload': (client) => upload(client, false),
  'an upload that is refused': (client) => upload(client, true),
};

function upload(client: Client, empty: boolean): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const call = client.deploy((error, answer) => (error ? reject(error) : resolve(answer)));
  call.write({ part: empty ? undefined : { $case: 'artifactChunk', artifactChunk: Buffer.alloc(1) } });
  call.end();
  return promise;
}

it.each(Object.entries(endings))('%s', async (_what, end) => {
  const before = { admitted, settled: outcomes.length };
  const client = open();
  await end(client).catch(() => undefined);
  client.close();
  expect(admitted).toBe(before.admitted + 1);
  await eventually(() => outcomes.length > before.settled, { what: 'it is let go of', timeoutMs: 20_000 });
  // A second time would come with the end of the connection.
  await eventually(() => server.connections.size === 0, { what: 'the connection has ended', timeoutMs: 20_000 });
  expect(outcomes).toHaveLength(before.settled + 1);
});

describe('the standard services', () => {
  const bytes = (message: Buffer) => message;
  /** Calls as any program would, without our definitions. */
  const call = (client: GenericClient, path: string) =>
    path.endsWith('Info')
      ? client.makeBidiStreamRequest(path, bytes, bytes)
      : client.makeServerStreamRequest(path, bytes, bytes, Buffer.alloc(0));
  const paths = ['/grpc.health.v1.Health/Watch', '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'];

  it.each(paths)('%s is asked for like every other method, and let go of', async (path) => {
    const before = { asked: asked.length, settled: outcomes.length };
    const client = openClient(GenericClient, { address: server.address, serverName, tls: member });
    const stream = call(client, path);
    stream.on('error', () => undefined);
    await eventually(() => asked.length > before.asked, { what: 'the call', timeoutMs: 20_000 });
    expect(asked.at(-1)).toBe(path.split('.').at(-1));
    expect(outcomes).toHaveLength(before.settled);
    stream.cancel();
    await eventually(() => outcomes.length > before.settled, { what: 'it is let go of', timeoutMs: 20_000 });
    client.close();
  });

  it.each(paths)('%s says nothing to who is not let in', async (path) => {
    const client = openClient(GenericClient, { address: server.address, serverName, tls: revoked });
    const stream = call(client, path);
    stream.resume();
    const [error] = (await once(stream, 'error')) as [ServiceError];
    expect(error.code).toBe(status.PERMISSION_DENIED);
    client.close();
  });
});
