/** On loopback, where the streams speak no TLS, a server of another user is not taken for the pilot's own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectNats } from '#broker';
import { createNatsKey } from '#security';
import { holderOf } from '../../platform/broker/nats/own-servers.ts';
import { eventually } from '../harness/eventually.ts';
import { fc } from '../harness/properties.ts';

const stranger = 61_002;
const isRoot = process.getuid?.() === 0;
const canRun = isRoot && spawnSync(process.execPath, ['-e', '0'], { uid: stranger, gid: stranger }).status === 0;

/** As much of a nats-server as a client needs to begin: it greets, and answers pings. Tells what it hears. */
const greeting = `INFO ${JSON.stringify({ server_id: 'S', version: '2.15.1', proto: 1, headers: true, max_payload: 1_048_576, auth_required: true, nonce: 'n' })}\r\n`;
const impostor = `
  require('node:net').createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(${JSON.stringify(greeting)});
    socket.on('data', (data) => { console.log('heard ' + data); if (String(data).includes('PING')) socket.write('PONG\\r\\n'); });
    socket.on('close', () => console.log('gone'));
  }).listen(Number(process.argv[1]), '127.0.0.1', function () { console.log('listens ' + this.address().port); });
`;

let server: Server | undefined;
let child: ChildProcess | undefined;
afterEach(() => {
  server?.close();
  child?.kill('SIGKILL');
});

function ownServer(sockets: Set<Socket>): Server {
  return createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(greeting);
    socket.on('data', (data) => {
      if (data.includes('PING')) socket.write('PONG\r\n');
    });
  });
}

async function listen(what: Server, port: number): Promise<number> {
  what.listen(port, '127.0.0.1');
  await once(what, 'listening');
  const address = what.address();
  return typeof address === 'object' && address ? address.port : 0;
}

/** Another user's program at that port; what it has heard so far. */
async function listenAsStranger(port: number): Promise<{ port: number; heard: () => string }> {
  let heard = '';
  const started = spawn(process.execPath, ['-e', impostor, String(port)], { uid: stranger, gid: stranger });
  child = started;
  started.stdout.on('data', (data: Buffer) => (heard += data.toString()));
  await eventually(() => heard.includes('listens'), { what: 'the impostor', timeoutMs: 20_000 });
  return { port: Number(/listens (\d+)/.exec(heard)?.[1]), heard: () => heard };
}

const open = (port: number, ofOthers = false) =>
  connectNats({
    servers: [`nats://127.0.0.1:${port}`],
    seed: createNatsKey().seed,
    role: 'source',
    member: 'test',
    ofOthers,
  });

describe.skipIf(!canRun)('another user at a port of ours (skipped where only one user can be had)', () => {
  it('gets no connection of the owner; a token is for a server of others', async () => {
    const { port } = await listenAsStranger(0);
    await expect(open(port)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('another'),
    });
    const colleague = await open(port, true);
    await colleague.close();
  });

  it('hears nothing of a connection whose server was there before, which goes on once it is there again', async () => {
    const sockets = new Set<Socket>();
    server = ownServer(sockets);
    const port = await listen(server, 0);
    const connection = await open(port);
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
    const { heard } = await listenAsStranger(port);
    connection.publish('ev.secret', 'for the pilot only');
    // He is tried, and left before a word was said.
    await eventually(() => heard().includes('gone'), { what: 'an attempt', timeoutMs: 30_000 });
    expect(heard()).not.toContain('heard');
    child?.kill('SIGKILL');
    if (child) await once(child, 'exit');
    server = ownServer(new Set());
    await listen(server, port);
    // Answered by a server that is ours again.
    const answered = () =>
      connection.flush().then(
        () => true,
        () => false,
      );
    await eventually(answered, { what: 'an answer', timeoutMs: 30_000 });
    await connection.close();
    expect(heard()).not.toContain('heard');
  });
});

describe('holderOf()', () => {
  const line = (near: string, far: string, user: number) =>
    `   0: ${near} ${far} 01 00000000:00000000 00:00000000 00000000 ${String(user).padStart(5)}        0 1234 1 0000000000000000 20 4 30 10 -1`;
  const header = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
  const ends = { localAddress: '127.0.0.1', localPort: 50_000, remoteAddress: '127.0.0.11', remotePort: 4_222 };

  it('is the user of the other end, not of this one', () => {
    const table = [header, line('0100007F:C350', '0B00007F:107E', 1), line('0B00007F:107E', '0100007F:C350', 2)].join(
      '\n',
    );
    expect(holderOf(table, ends)).toBe(2);
    expect(holderOf(header, ends)).toBeUndefined();
  });

  it('is nobody for a table of whatever else', () => {
    fc.assert(
      fc.property(fc.string(), (table) => {
        expect(holderOf(table, ends)).toBeUndefined();
      }),
    );
  });
});
