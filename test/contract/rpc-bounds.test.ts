/** What a gRPC port puts up with: strangers that say nothing, members that say too much, bytes that mean nothing. */
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GatewayClient, GatewayService, type InvokeRequest } from '#proto';
import { callUnary, openClient, type RpcServer, startRpcServer, type TlsIdentity, unary } from '#rpc';
import { type CertificateAuthority, gatewayServerName, loadCertificates } from '#security';
import { eventually } from '../harness/eventually.ts';

const serverName = gatewayServerName('test');
/** As limits.ts has it. */
const handshakesMax = 128;

let server: RpcServer;
let authority: CertificateAuthority;
let member: TlsIdentity;

beforeAll(async () => {
  const { CertificateAuthority: Authority } = await loadCertificates();
  authority = await Authority.create('test', Date.now());
  const issue = async (commonName: string, dnsNames: string[]) => ({
    ca: authority.cert,
    ...(await authority.issue({ commonName, usage: ['server', 'client'], dnsNames }, Date.now())),
  });
  member = await issue('owner', []);
  const invoke = unary((request: InvokeRequest) => ({
    payload: request.payload,
    headers: {},
    instance: 'i',
    node: 'n',
    cold: false,
    durationMs: 1,
    version: 1,
  }));
  server = await startRpcServer({
    host: '127.0.0.1',
    port: 0,
    tls: await issue('gateway', [serverName]),
    services: [[GatewayService, { invoke }]],
    reflection: false,
  });
});
afterAll(() => server.close(1_000));

/** A call of a member who minds his manners. */
async function echo(): Promise<string> {
  const client = openClient(GatewayClient, { address: server.address, serverName, tls: member });
  const request = { function: 'echo', version: '', payload: Buffer.from('hi'), headers: {}, timeoutMs: 0 };
  try {
    return (await callUnary(client.invoke.bind(client), request, { timeoutMs: 20_000 })).payload.toString();
  } finally {
    client.close();
  }
}

function tls(identity: Partial<TlsIdentity>, alpn: string[] = ['h2']): TLSSocket {
  return connectTls({ host: '127.0.0.1', port: server.port, servername: serverName, ...identity, ALPNProtocols: alpn });
}

/** One frame of HTTP/2 (RFC 9113, 4.1). */
function frame(type: number, flags: number, stream: number, payload: readonly number[]): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, Buffer.from(payload)]);
}

/** Resolves when the other end has closed the line. */
function closed(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('error', () => undefined);
  socket.resume();
  if (socket.destroyed) resolve();
  else socket.once('close', () => resolve());
  return promise;
}

describe('before a handshake', () => {
  it('the oldest silent connection gives way to a new one, and members get through', async () => {
    const silent = Array.from({ length: handshakesMax + 20 }, () => connect(server.port, '127.0.0.1'));
    await Promise.all(silent.slice(0, 20).map((socket) => closed(socket)));
    expect(await echo()).toBe('hi');
    for (const socket of silent) socket.destroy();
  });

  it('one that drips bytes has a few seconds in all', async () => {
    const slow = connect(server.port, '127.0.0.1');
    await once(slow, 'connect');
    const end = closed(slow);
    // The beginning of a ClientHello that never ends.
    slow.write(Buffer.from([22, 3, 1, 2, 0]));
    const drip = setInterval(() => slow.write(Buffer.from([1])), 100);
    await end;
    clearInterval(drip);
    expect(await echo()).toBe('hi');
  });

  it('noise is no handshake', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 512 }), async (noise) => {
        const socket = connect(server.port, '127.0.0.1');
        const end = closed(socket);
        socket.end(noise);
        await end;
      }),
      { numRuns: 30 },
    );
    expect(await echo()).toBe('hi');
  });
});

describe('certificates that open nothing', () => {
  it('self-signed, of another authority, expired, for servers only, and none', async () => {
    const { CertificateAuthority: Authority } = await loadCertificates();
    const now = Date.now();
    const other = await Authority.create('test', now);
    const request = { commonName: 'owner', usage: ['client' as const] };
    const identities: Partial<TlsIdentity>[] = [
      { cert: other.cert, key: other.key },
      await other.issue(request, now),
      await authority.issue({ ...request, validMs: 1_000 }, now - 3_600_000),
      await authority.issue({ commonName: 'agent-n1', usage: ['server'] }, now),
      {},
    ];
    const before = server.connections.size;
    for (const identity of identities) await closed(tls({ ca: authority.cert, ...identity }));
    expect(server.connections.size).toBe(before);
    await closed(tls(member, ['http/1.1']));
    expect(await echo()).toBe('hi');
  });
});

describe('a member', () => {
  let session: ClientHttp2Session;
  const open = () => {
    session = connectHttp2(`https://127.0.0.1:${server.port}`, { createConnection: () => tls(member) });
    session.on('error', () => undefined);
    return session;
  };
  const call = (headers: Record<string, string> = {}) =>
    session
      .request({
        ':method': 'POST',
        ':path': '/pilotfish.v1.Gateway/Invoke',
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      })
      .on('error', () => undefined);

  it('who opens and resets streams without end loses his connection, not the server its mind', async () => {
    const socket = tls(member);
    await once(socket, 'secureConnect');
    const end = closed(socket);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(frame(4, 0, 0, []));
    // Method POST, scheme https, path "/": from HPACK's static table.
    for (let stream = 1; stream < 20_000 && !socket.destroyed; stream += 2)
      socket.write(Buffer.concat([frame(1, 4, stream, [0x83, 0x87, 0x84]), frame(3, 0, stream, [0, 0, 0, 8])]));
    await end;
    expect(await echo()).toBe('hi');
  });

  it('who sends headers without end is refused', async () => {
    open();
    await once(session, 'connect');
    const stream = call({ 'x-long': 'a'.repeat(200_000) });
    const { promise, resolve } = Promise.withResolvers<void>();
    stream.once('close', resolve);
    session.once('close', resolve);
    await promise;
    session.destroy();
    expect(await echo()).toBe('hi');
  });

  it('who sends noise instead of frames is cut off', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 2_048 }), async (noise) => {
        const socket = tls(member);
        await once(socket, 'secureConnect');
        const end = closed(socket);
        socket.write(noise);
        // Fewer bytes than a preface: the end of them is the end.
        socket.end();
        await end;
      }),
      { numRuns: 30 },
    );
    await eventually(() => server.connections.size === 0, { what: 'no connection is left', timeoutMs: 20_000 });
    expect(await echo()).toBe('hi');
  });

  it('whose message is no message is told so, and the next call works', async () => {
    open();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 256 }), async (bytes) => {
        const message = Buffer.alloc(5 + bytes.length);
        message.writeUInt32BE(bytes.length, 1);
        message.set(bytes, 5);
        const stream = call();
        const answered = once(stream, 'response');
        stream.end(message);
        expect((await answered)[0]).toMatchObject({ ':status': 200 });
        stream.close();
      }),
      { numRuns: 30 },
    );
    session.destroy();
    expect(await echo()).toBe('hi');
  });
});
