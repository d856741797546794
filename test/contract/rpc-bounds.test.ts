/** What a gRPC port puts up with: strangers that say nothing, members that say too much, bytes that mean nothing. */
import { X509Certificate } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect, createServer } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GatewayClient, GatewayService } from '#proto';
import { ConnectionBook, callUnary, openClient, type RpcServer, startRpcServer, type TlsIdentity } from '#rpc';
import { type CertificateAuthority, gatewayServerName } from '#security';
import { eventually } from '../harness/eventually.ts';
import { closed, createMembers, echoInvoke, type Members, openLine, strangersTo } from '../harness/members.ts';
import { fc } from '../harness/properties.ts';

const serverName = gatewayServerName('test');
/** As limits.ts has them. */
const handshakesMax = 128;
const connectionsPerCallerMax = 512;
const streamsMax = 1_024;

let server: RpcServer;
let members: Members;
let authority: CertificateAuthority;
let member: TlsIdentity;
let greedy: TlsIdentity;

beforeAll(async () => {
  members = await createMembers();
  ({ authority } = members);
  member = await members.issue('owner');
  greedy = await members.issue('t-greedy');
  server = await startRpcServer({
    host: '127.0.0.1',
    port: 0,
    tls: await members.issue('gateway', [serverName]),
    services: [[GatewayService, { invoke: echoInvoke }]],
    reflection: false,
  });
});
afterAll(() => server.close(1_000));

/** A call of a member who minds his manners. */
async function echo(address = server.address): Promise<string> {
  const client = openClient(GatewayClient, { address, serverName, tls: member });
  const request = { function: 'echo', version: '', payload: Buffer.from('hi'), headers: {}, timeoutMs: 0 };
  try {
    return (await callUnary(client.invoke.bind(client), request, { timeoutMs: 20_000 })).payload.toString();
  } finally {
    client.close();
  }
}

function tls(identity: Partial<TlsIdentity>, alpn: string[] = ['h2']): TLSSocket {
  return openLine({ port: server.port, servername: serverName, identity, alpn });
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

describe('what opens nothing', () => {
  it('certificates: self-signed, of another authority, expired, not good yet, for servers only, and none', async () => {
    await eventually(() => server.connections.size === 0, { what: 'the last member has gone', timeoutMs: 20_000 });
    for (const [what, identity] of Object.entries(await strangersTo(members)))
      expect(await closed(tls({ ca: authority.cert, ...identity })), what).toBe('');
    expect(server.connections.size).toBe(0);
    await closed(tls(member, ['http/1.1']));
    expect(await echo()).toBe('hi');
  });

  it('all that a member has said before, said again', async () => {
    const said: Buffer[] = [];
    const listener = createServer((from) => {
      const to = connect(server.port, '127.0.0.1');
      from.on('data', (chunk: Buffer) => said.push(chunk)).on('error', () => undefined);
      to.on('error', () => undefined);
      from.pipe(to).pipe(from);
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    expect(await echo(`127.0.0.1:${port}`)).toBe('hi');
    listener.close();
    expect(said.length).toBeGreaterThan(1);
    await eventually(() => server.connections.size === 0, { what: 'the member has gone', timeoutMs: 20_000 });
    const replay = connect(server.port, '127.0.0.1');
    const end = closed(replay);
    let admitted = 0;
    replay.on('data', () => {
      admitted = Math.max(admitted, server.connections.size);
    });
    for (const chunk of said) replay.write(chunk);
    await end;
    expect(admitted).toBe(0);
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

  it('who begins headers and then says nothing more is cut off', async () => {
    const socket = tls(member);
    await once(socket, 'secureConnect');
    const end = closed(socket);
    // Headers whose end (flag 4) never comes; pings are not answered either.
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(Buffer.concat([frame(4, 0, 0, []), frame(1, 0, 1, [0x83])]));
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

  it('who wants every place is given a share, and others get through', () => {
    let nowMs = 0;
    const book = new ConnectionBook(() => nowMs);
    /** What the book sees of a connection. */
    const connection = (identity: TlsIdentity, remotePort: number) =>
      Object.assign(new EventEmitter(), {
        remoteAddress: '127.0.0.1',
        remotePort,
        getPeerX509Certificate: () => new X509Certificate(identity.cert),
      });
    const theirs = Array.from({ length: connectionsPerCallerMax + 20 }, (_, at) => connection(greedy, 1_024 + at));
    const taken = theirs.filter((each) => book.add(each as unknown as TLSSocket));
    expect(taken).toHaveLength(connectionsPerCallerMax);
    expect(book.add(connection(member, 9) as unknown as TLSSocket)).toBe(true);
    for (const each of taken) each.emit('close');
    expect(book.size).toBe(1);
    // He has come as often as he may in this second.
    expect(book.add(connection(greedy, 10) as unknown as TLSSocket)).toBe(false);
    nowMs += 1_000;
    expect(book.add(connection(greedy, 10) as unknown as TLSSocket)).toBe(true);
  });

  it('whose small message is packed from a very large one is refused before it is unpacked', async () => {
    open();
    const bomb = gzipSync(Buffer.alloc(256 * 2 ** 20));
    const message = Buffer.alloc(5 + bomb.length);
    message[0] = 1;
    message.writeUInt32BE(bomb.length, 1);
    message.set(bomb, 5);
    const before = process.memoryUsage.rss();
    for (let number = 0; number < 3; number++) {
      const stream = call({ 'grpc-encoding': 'gzip' });
      const { promise, resolve } = Promise.withResolvers<string>();
      const status = (headers: Record<string, unknown>) => {
        if (headers['grpc-status'] !== undefined) resolve(String(headers['grpc-status']));
      };
      stream.on('response', status).on('trailers', status).resume();
      stream.end(message);
      // RESOURCE_EXHAUSTED
      expect(await promise).toBe('8');
    }
    expect(process.memoryUsage.rss() - before).toBeLessThan(128 * 2 ** 20);
    session.destroy();
    expect(await echo()).toBe('hi');
  });

  it('who begins calls and never ends them keeps nobody from his own', async () => {
    open();
    await once(session, 'connect');
    for (let number = 0; number < streamsMax; number++) call().write(Buffer.alloc(3));
    expect(await echo()).toBe('hi');
    session.destroy();
    await eventually(() => server.connections.size === 0, { what: 'no connection is left', timeoutMs: 20_000 });
  });
});
