/** Every route of the door for HTTP, asked for by every role with a certificate of its own: let in, or 403, as listed. */
import { join } from 'node:path';
import { headers as natsHeaders } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Role, roles, type Token } from '#access';
import { systemClock } from '#common';
import type { Connection } from '#model';
import { FunctionSpec, type InvokeRequest, Trigger } from '#proto';
import { serverStream, type TlsIdentity, unary } from '#rpc';
import { createLogger } from '#telemetry';
import { Gate } from '../../platform/gateway/access/gate.ts';
import { HttpDoor } from '../../platform/gateway/http/index.ts';
import { admitRoute } from '../../platform/gateway/http/open-http.ts';
import { Pages } from '../../platform/gateway/pages/index.ts';
import { methodRequests } from '../../platform/gateway/pages/method-requests.ts';
import { post } from '../harness/https.ts';
import { createMembers } from '../harness/members.ts';

/** A route, and who besides the owner is let in. JSON methods that are not here fail. */
const agreed: Readonly<Record<string, string>> = {
  'GET /': 'admin deploy view',
  'GET /ui': 'admin deploy view',
  'GET /ui/': 'admin deploy view',
  'GET /ui/dashboard.js': 'admin deploy view',
  'GET /ui/dashboard.css': 'admin deploy view',
  'GET /ui/who': 'admin deploy view',
  'GET /metrics': 'admin deploy view',
  'GET /ui/api/Watch': 'admin deploy view',
  'GET /ui/api/Logs?q={"function":"f"}': 'admin deploy view',
  'GET /ui/api/ListDeadLetters?q={"function":"f"}': 'admin deploy view',
  'POST /ui/api/ListFunctions': 'admin deploy invoke view',
  'POST /ui/api/GetFunction': 'admin deploy invoke view',
  'POST /ui/api/ListSubjects': 'admin deploy view',
  'POST /ui/api/GetLatestEvent': 'admin deploy view',
  'POST /ui/api/ListNodes': 'admin deploy view',
  'POST /ui/api/GetScale': 'admin deploy view',
  'POST /ui/api/SetScale': 'admin deploy',
  'POST /ui/api/ListTriggers': 'admin deploy view',
  'POST /ui/api/PauseTrigger': 'admin deploy',
  'POST /ui/api/GetDeadLetter': 'admin deploy view',
  'POST /ui/api/RedriveDeadLetters': 'admin deploy',
  'POST /ui/api/PurgeDeadLetters': 'admin deploy',
  'POST /ui/api/Rollback': 'admin deploy',
  'POST /ui/api/Promote': 'admin deploy',
  'POST /ui/api/DrainNode': 'admin',
  'POST /ask': 'admin deploy invoke',
  'POST /tell': 'admin deploy publish',
};
/** A good request of each method. */
const requests: Readonly<Record<string, object>> = {
  GetFunction: { name: 'f' },
  ListSubjects: { pattern: 'a.*' },
  GetLatestEvent: { subject: 'a.b' },
  GetScale: { name: 'f' },
  SetScale: { name: 'f' },
  PauseTrigger: { function: 'f', trigger: 'on0', paused: true },
  GetDeadLetter: { function: 'f', sequence: 1 },
  RedriveDeadLetters: { function: 'f' },
  PurgeDeadLetters: { function: 'f' },
  Rollback: { name: 'f' },
  Promote: { name: 'f' },
  DrainNode: { node: 'n1' },
};
const streams = ['Watch', 'Logs', 'ListDeadLetters'];
const everyRole = Object.keys(roles) as Role[];
const identities = new Map<string, TlsIdentity>();
let door: HttpDoor;

function tokenOf(name: string): Token | undefined {
  const role = everyRole.find((each) => name === `t-${each}`);
  const open = { functions: [], subjects: [], createdAtMs: 0, expiresAtMs: Number.MAX_SAFE_INTEGER, natsKey: '' };
  return role && { id: name, name, role, ...open };
}

beforeAll(async () => {
  const { issue } = await createMembers();
  for (const name of ['owner', 'agent-n1', ...everyRole.map((role) => `t-${role}`)])
    identities.set(name, await issue(name));
  const logger = createLogger({ pilot: 'test', node: 'n1', process: 'gateway' });
  const gate = new Gate({
    tokens: { get: tokenOf, ownersSinceMs: 0 } as never,
    audit: { write: () => undefined } as never,
    clock: systemClock,
  });
  const answers = Object.keys(methodRequests).map((method) => [
    method.slice(0, 1).toLowerCase() + method.slice(1),
    streams.includes(method) ? serverStream(async function* () {}) : unary(() => ({})),
  ]);
  const spec = FunctionSpec.fromPartial({
    name: 'f',
    triggers: ['ask', 'tell'].map((path) =>
      Trigger.fromPartial({
        name: path,
        http: { path: `/${path}`, answer: path === 'ask' ? 'result' : 'accepted', bodyBytesMax: 1_024 },
      }),
    ),
  });
  door = await HttpDoor.open({
    host: '127.0.0.1',
    port: 0,
    tls: await issue('gateway'),
    functions: () => [spec],
    isPaused: () => false,
    hasRoom: async () => true,
    publisher: {
      publish: (_subject: string, _payload: Buffer, _headers: unknown, done: () => void) => {
        done();
        return natsHeaders();
      },
    } as never,
    admit: (caller, route) => admitRoute(gate, caller, route),
    call: async ({ payload }: Pick<InvokeRequest, 'payload'>) =>
      ({ payload, headers: {}, instance: 'i', node: 'n', cold: false, durationMs: 1, version: 1 }) as never,
    pages: new Pages({
      methods: Object.fromEntries(answers),
      gate,
      pilot: 'test',
      assets: join(import.meta.dirname, '../../dist'),
      metrics: async () => '',
    }),
    clock: systemClock,
    logger,
  });
});
afterAll(() => door?.close());

async function statusOf(route: string, name: string): Promise<number> {
  const [method = '', path = ''] = route.split(' ');
  const tls = identities.get(name);
  const body = method === 'GET' || !path.includes('/api/') ? '' : JSON.stringify(requests[path.slice(8)] ?? {});
  const url = `https://127.0.0.1:${door.port}${encodeURI(path)}`;
  const answer = await post({ tls } as unknown as Connection, url, body, { method, headers: { 'x-pilotfish': '1' } });
  return answer.status;
}

it('lists every method that may be called as JSON', () => {
  const listed = Object.keys(agreed).flatMap((route) => /\/api\/(\w+)/.exec(route)?.[1] ?? []);
  expect(listed.sort()).toEqual(Object.keys(methodRequests).sort());
});

it.each(everyRole)('%s', async (role) => {
  for (const [route, wanted] of Object.entries(agreed)) {
    const status = await statusOf(route, `t-${role}`);
    expect(status === 403 ? 'refused' : 'let in', `${route}: ${status}`).toBe(
      wanted.split(' ').includes(role) ? 'let in' : 'refused',
    );
    expect([200, 202, 302, 403], route).toContain(status);
  }
});

it('the owner is let in everywhere, a certificate without a token nowhere', async () => {
  for (const route of Object.keys(agreed)) {
    expect([200, 202, 302], route).toContain(await statusOf(route, 'owner'));
    expect(await statusOf(route, 'agent-n1'), route).toBe(403);
  }
});

it("what is no route is not found, also below the gateway's own", async () => {
  for (const path of ['/none', '/ui/none', '/metrics/none', '/ui/api/Invoke', '/ui/api/__proto__'])
    expect(await statusOf(`POST ${path}`, 'owner'), path).toBeGreaterThanOrEqual(404);
});
