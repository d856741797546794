/** The dashboard's door on loopback, where every user of the machine can knock. */
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type DashboardDoor, openDashboardDoor } from '../../platform/cli/screens/dashboard-door.ts';
import { closed } from '../harness/members.ts';

let door: DashboardDoor;
let elsewhere = 0;
const other = createServer((_request, response) => {
  elsewhere += 1;
  response.end('elsewhere');
});

beforeAll(async () => {
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  // Nobody answers there: what gets through the door ends with 502.
  const gateway = async () => `https://127.0.0.1:${port}`;
  door = await openDashboardDoor({ port: 0, tls: { ca: '', cert: '', key: '' }, serverName: 'g', gateway });
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
  other.close();
});

/** A request as written; the first line of the answer. */
async function say(firstLine: string, headers: readonly string[] = []): Promise<string> {
  const socket = connect(door.port, '127.0.0.1');
  const answer = closed(socket);
  socket.write(`${[firstLine, 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`);
  return (await answer).split('\r\n', 1)[0] ?? '';
}

const here = () => `Host: 127.0.0.1:${door.port}`;
const cookie = () => `Cookie: pilotfish-${door.port}=${new URL(door.url).searchParams.get('key')}`;

it.each([
  ['no key', 'GET / HTTP/1.1'],
  ['a wrong key', 'GET /?key=aaaa HTTP/1.1'],
  ['an address that is none', 'GET http://[ HTTP/1.1'],
  ['a port that is none', 'GET //a:99999999/ HTTP/1.1'],
  ['only a host', 'GET // HTTP/1.1'],
])('%s opens nothing, and the door stands', async (_what, line) => {
  expect(await say(line, [here()])).toContain(' 401 ');
  expect(await say(line, ['Host: evil.example'])).toContain(' 421 ');
  expect(await say(`GET /?key=${new URL(door.url).searchParams.get('key')} HTTP/1.1`, [here()])).toContain(' 303 ');
});

it('leads to the gateway and nowhere else, whatever the first line names', async () => {
  const { port } = other.address() as AddressInfo;
  for (const line of [
    `GET http://127.0.0.1:${port}/ HTTP/1.1`,
    `GET //127.0.0.1:${port}/ HTTP/1.1`,
    'GET http://[ HTTP/1.1',
  ])
    expect(await say(line, [here(), cookie()])).toContain(' 502 ');
  expect(elsewhere).toBe(0);
});

it('those who connect and say nothing are let go', async () => {
  const silent = Array.from({ length: 100 }, () => connect(door.port, '127.0.0.1'));
  await Promise.all(silent.map((socket) => closed(socket)));
  expect(await say('GET / HTTP/1.1', [here()])).toContain(' 401 ');
}, 60_000);
