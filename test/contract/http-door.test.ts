/** What the door for HTTP puts up with: strangers that say nothing  and members that say it slowly or without end. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { headers as natsHeaders } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PlatformError } from '#common';
import { FunctionSpec, Trigger } from '#proto';
import type { TlsIdentity } from '#rpc';
import { gatewayServerName } from '#security';
import { createLogger } from '#telemetry';
import { HttpDoor, type HttpRoute } from '../../platform/gateway/http/index.ts';
import { eventually } from '../harness/eventually.ts';
import { closed, createMembers, type Members, openLine, strangersTo } from '../harness/members.ts';

/** As rpc/limits.ts has it. */
const handshakesMax = 128;
/** As http-door.ts has it. */
const requestsPerSecondMax = 10_000;

let members: Members;
let member: TlsIdentity;
let greedy: TlsIdentity;
let door: HttpDoor;
/** The door's clock stands still within one. */
let second = 0;

beforeAll(async () => {
  members = await createMembers();
  const { issue } = members;
  member = await issue('owner');
  greedy = await issue('t-greedy');
  const spec = FunctionSpec.fromPartial({
    name: 'f',
    triggers: [Trigger.fromPartial({ name: 'on0', http: { path: '/ask', answer: 'result', bodyBytesMax: 1_024 } })],
  });
  door = await HttpDoor.open({
    host: '127.0.0.1',
    port: 0,
    tls: await issue('gateway', [gatewayServerName('test')]),
    functions: () => [spec],
    isPaused: () => false,
    hasRoom: async () => true,
    pages: { owns: () => false, serve: async () => undefined },
    publisher: { publish: () => natsHeaders() } as never,
    admit: ({ name }, _route: HttpRoute) => {
      if (name === '') throw new PlatformError('unauthenticated', 'nobody');
      return () => undefined;
    },
    call: async ({ payload }) => ({
      payload,
      headers: {},
      instance: 'i',
      node: 'n',
      cold: false,
      durationMs: 1,
      version: 1,
    }),
    clock: { monotonic: () => second * 1_000 },
    logger: createLogger({ pilot: 'test', node: 'n1', process: 'gateway' }),
  });
});
afterAll(() => door.close());

function tls(identity: Partial<TlsIdentity> = member): TLSSocket {
  return openLine({ port: door.port, servername: gatewayServerName('test'), identity });
}

/** A request of a member who minds his manners. */
async function ask(): Promise<string> {
  const socket = tls();
  const answer = closed(socket);
  socket.write('POST /ask HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi');
  return await answer;
}

it('answers', async () => {
  expect(await ask()).toMatch(/^HTTP\/1.1 200 .*\r\n\r\nhi$/s);
});

describe('a stranger', () => {
  it('who opens connections and says nothing takes nobody the place', async () => {
    const silent = Array.from({ length: handshakesMax + 40 }, () => connect(door.port, '127.0.0.1'));
    await Promise.all(silent.slice(0, 20).map((socket) => closed(socket)));
    expect(await ask()).toContain('200');
    for (const socket of silent) socket.destroy();
  });

  it('is not heard, whatever certificate he shows', async () => {
    for (const [what, identity] of Object.entries(await strangersTo(members)))
      expect(await closed(tls({ ca: member.ca, ...identity })), what).toBe('');
    expect(await ask()).toContain('200');
  });
});

describe('a member', () => {
  it.each([
    ['says nothing', ''],
    ['never ends his headers', 'POST /ask HTTP/1.1\r\nHost: a\r\n'],
  ])(
    'who %s is cut off within seconds',
    async (_what, begin) => {
      const socket = tls();
      await once(socket, 'secureConnect');
      const end = closed(socket);
      if (begin !== '') socket.write(begin);
      const drip = begin === '' ? undefined : setInterval(() => socket.write('x-a: b\r\n'), 200);
      const said = await end;
      clearInterval(drip);
      expect(said).toMatch(/^(HTTP\/1.1 408 .*)?$/s);
      expect(await ask()).toContain('200');
    },
    40_000,
  );

  it('whose headers are too many or too long is told so', async () => {
    for (const lines of [
      `x-a: ${'b'.repeat(20_000)}`,
      Array.from({ length: 2_000 }, (_, at) => `x-${at}: 1`).join('\r\n'),
    ]) {
      const socket = tls();
      const said = closed(socket);
      socket.write(`POST /ask HTTP/1.1\r\nHost: a\r\n${lines}\r\nContent-Length: 0\r\n\r\n`);
      expect(await said).toMatch(/^HTTP\/1.1 (431|400)/);
    }
  });

  it('whose body is over the limit is told so before it is sent, and his line is cut', async () => {
    const socket = tls();
    const said = closed(socket);
    socket.write('POST /ask HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n');
    expect(await said).toMatch(/^HTTP\/1.1 413/);
  });

  it('who sends more requests in a second than he may is told so, and others get through', async () => {
    const request = 'POST /ask HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n';
    const socket = tls(greedy);
    let answered = 0;
    let refusal = '';
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      answered += text.split('HTTP/1.1 200 ').length - 1;
      if (text.includes('HTTP/1.1 503 ')) refusal = text;
    });
    const end = closed(socket);
    // A hundred at a time: more at once is another bound.
    const batch = 100;
    for (let sent = 0; sent < requestsPerSecondMax; sent += batch) {
      socket.write(request.repeat(batch));
      await eventually(() => answered >= sent + batch, { what: `${sent + batch} answers`, timeoutMs: 30_000 });
    }
    socket.write(request);
    await end;
    expect(refusal).toContain('too many requests in a second');
    expect(refusal).toMatch(/retry-after: \d/i);
    expect(await ask()).toContain('200');
    second += 1;
    const next = tls(greedy);
    const said = closed(next);
    next.write(request.replace('Host: a', 'Host: a\r\nConnection: close'));
    expect(await said).toContain('HTTP/1.1 200 ');
  }, 60_000);
});
