/** Tokens at a real pilot: what they open and what not, at the gateway and on the streams, until they are revoked. */
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectEvents, connectPilot, type PilotClient } from '#client';
import { type Connection, connectionSchema } from '#model';
import { AgentClient } from '#proto';
import { callUnary, openClient } from '#rpc';
import { agentServerName, createNatsKey } from '#security';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { post } from '../harness/https.ts';
import { TestPilot } from '../harness/pilot.ts';

let pilot: TestPilot;
beforeAll(async () => {
  pilot = await TestPilot.start({ nodes: 1 });
  expect(await pilot.cli(['deploy', join(import.meta.dirname, '../../functions/echo')])).toMatchObject({ code: 0 });
});
afterAll(() => pilot[Symbol.asyncDispose]());

async function token(...flags: string[]): Promise<{ id: string; file: string; connection: Connection }> {
  const file = join(pilot.home, `token-${Math.random().toString(36).slice(2)}.json`);
  const made = await pilot.cli(['auth', 'token', 'create', '--out', file, '-o', 'name', ...flags]);
  expect(made).toMatchObject({ code: 0 });
  return { id: made.stdout.trim(), file, connection: connectionSchema.parse(JSON.parse(readFileSync(file, 'utf8'))) };
}

async function withClient<T>(connection: Connection, use: (client: PilotClient) => Promise<T>): Promise<T> {
  using client = connectPilot(connection);
  return await use(client);
}

const hi = Buffer.from('hi');
/** Enough to come in by both ways on a busy machine. */
const ttlMs = 8_000;

/** To view, and made here: the command line takes its time. */
async function tokenFor(ms: number): Promise<Connection> {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { seed, publicKey: natsKey } = createNatsKey();
  const publicKey = pair.publicKey.export({ type: 'spki', format: 'der' });
  const asked = { name: '', role: 'view', functions: [], subjects: [], ttlMs: ms, publicKey, natsKey };
  const { certificate: cert, token: made } = await pilot.client.access.createToken(asked);
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const { connection } = pilot;
  const tls = { ca: connection.tls.ca, cert, key };
  return { ...connection, tls, token: made?.id ?? '', seeds: { source: '', viewer: seed } };
}

/** They are told, or see the time, within a second. */
function streamsRefuse(connection: Connection): Promise<unknown> {
  const refused = async () => {
    try {
      await (await connectEvents(connection, 'viewer')).close();
    } catch (error) {
      if ((error as { code: string }).code !== 'unauthenticated') throw error;
      return true;
    }
    throw new Error('still let in');
  };
  return eventually(refused, { what: 'the streams refuse the token', timeoutMs: 30_000 });
}

describe('a token to invoke', () => {
  it('calls its functions, sees them, and nothing else', async () => {
    const { file, connection } = await token('--role', 'invoke', '--functions', 'ec*');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(connection.seeds).toEqual({ source: '', viewer: '' });
    await withClient(connection, async (client) => {
      expect((await client.invoke('echo', hi)).payload.toString()).toBe('hi');
      expect((await client.list()).map(({ name }) => name)).toContain('echo');
      const denied = { code: 'permission-denied' };
      await expect(client.invoke('other', hi)).rejects.toMatchObject(denied);
      await expect(client.remove('echo')).rejects.toMatchObject(denied);
      await expect(client.setSecret('KEY', 'x')).rejects.toMatchObject(denied);
      await expect(client.access.tokens()).rejects.toMatchObject(denied);
      await expect(client.access.publish('a.b', hi)).rejects.toMatchObject(denied);
      await expect(connectEvents(connection, 'viewer')).rejects.toMatchObject(denied);
    });
    const shown = await pilot.cli(['invoke', 'echo', '-d', 'by file', '--pilot', file]);
    expect(shown).toMatchObject({ code: 0, stdout: 'by file' });
    const deployed = await pilot.cli(['rm', 'echo', '--pilot', file]);
    expect(deployed).toMatchObject({ code: 6, stderr: expect.stringContaining('may not call DeleteFunction') });
  });

  it('deploys nothing, whatever the stream says after its header', async () => {
    const { file } = await token('--role', 'deploy', '--functions', 'mine-*');
    const refused = await pilot.cli(['deploy', join(import.meta.dirname, '../../functions/echo'), '--pilot', file]);
    expect(refused).toMatchObject({ code: 6, stderr: expect.stringContaining('not good for the function "echo"') });
  });
});

describe('a token to publish', () => {
  it('publishes to its subjects, through the gateway and on the stream, and reads nothing', async () => {
    const { connection } = await token('--role', 'publish', '--subjects', 'lab.*');
    await withClient(connection, async (client) => {
      const first = await client.access.publish('lab.a', hi, { id: 'once' });
      expect(first).toMatchObject({ duplicate: false });
      expect(await client.access.publish('lab.a', hi, { id: 'once' })).toMatchObject({ duplicate: true });
      await expect(client.access.publish('office.a', hi)).rejects.toMatchObject({ code: 'permission-denied' });
      await expect(client.access.publish('lab.a', hi, { headers: { x: 'a\r\nNats-Msg-Id: b' } })).rejects.toMatchObject(
        {
          code: 'invalid',
        },
      );
      await expect(client.invoke('echo', hi)).rejects.toMatchObject({ code: 'permission-denied' });
    });
    await eventually(
      async () => {
        // The servers are told within a second.
        await using events = await connectEvents(connection, 'source').catch(() => undefined as never);
        await events.publish('lab.b', hi);
        await events.flush();
        return true;
      },
      { what: 'the streams know the token', timeoutMs: 30_000 },
    );
    await using events = await connectEvents(connection, 'source');
    await expect(
      (async () => {
        await events.publish('office.b', hi);
        await events.flush();
      })(),
    ).rejects.toMatchObject({ code: 'permission-denied' });
  });
});

describe('POST', () => {
  it('asks the same table: who may call may be answered, who may publish may send, nobody else either', async () => {
    using folder = new FunctionFolder();
    await folder.deploy(pilot, 'posted', '(event) => event.text()', [
      'on: [{ http: { path: /ask, answer: result } }, { http: { path: /tell } }]',
    ]);
    const shown = await pilot.cli(['trigger', 'list', '-o', 'json']);
    const urls = [...shown.stdout.matchAll(/https:[^"]+/g)].map(([url]) => url);
    const status = async (connection: Connection, path: string) =>
      (await post(connection, urls.find((url) => url.endsWith(path)) ?? '', 'hi')).status;
    const [invoke, publish, view, other] = [
      await token('--role', 'invoke'),
      await token('--role', 'publish'),
      await token('--role', 'view'),
      await token('--role', 'publish', '--functions', 'somebody-elses'),
    ];
    expect(await status(invoke.connection, '/ask')).toBe(200);
    expect(await status(publish.connection, '/tell')).toBe(202);
    for (const [held, path] of [
      [invoke, '/tell'],
      [publish, '/ask'],
      [view, '/ask'],
      [view, '/tell'],
      [other, '/tell'],
    ] as const)
      expect(await status(held.connection, path), path).toBe(403);
  });
});

describe('an end', () => {
  it('comes to a token that is revoked: its stream is cut, its next call refused, the streams closed', async () => {
    const { id, connection } = await token('--role', 'view');
    using client = connectPilot(connection);
    const watch = client.watch()[Symbol.asyncIterator]();
    await watch.next();
    const ended = (async () => {
      for (let next = await watch.next(); !next.done; next = await watch.next());
    })();
    // Awaited below; it may end before.
    ended.catch(() => undefined);
    expect(await pilot.cli(['auth', 'revoke', id])).toMatchObject({ code: 0 });
    await expect(ended).rejects.toMatchObject({ code: expect.stringMatching(/unavailable|unauthenticated|cancelled/) });
    await expect(client.list()).rejects.toMatchObject({ code: 'permission-denied' });
    await streamsRefuse(connection);
    expect(await pilot.cli(['auth', 'revoke', id])).toMatchObject({ code: 4 });
  });

  it('comes to a token at its time: what it has open is cut, and neither gateway nor streams let it in again', async () => {
    const refused = await pilot.cli(['auth', 'token', 'create', '--role', 'view', '--ttl', '60d']);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('30 days') });
    const connection = await tokenFor(ttlMs);
    using client = connectPilot(connection);
    const watch = client.watch()[Symbol.asyncIterator]();
    await watch.next();
    await eventually(() => connectEvents(connection, 'viewer').then((events) => events.close().then(() => true)), {
      what: 'the streams know the token',
      timeoutMs: 20_000,
    });
    for (let next = await watch.next().catch(() => undefined); next?.done === false; )
      next = await watch.next().catch(() => undefined);
    await expect(client.list()).rejects.toMatchObject({
      code: expect.stringMatching(/unavailable|unauthenticated|permission-denied/),
    });
    await streamsRefuse(connection);
  }, 90_000);
});

it('an agent serves its gateway, not owners or tokens', async () => {
  const [node] = await pilot.client.nodes();
  const client = openClient(AgentClient, {
    address: addressOfAgent(),
    serverName: agentServerName(pilot.id, node?.id ?? ''),
    tls: pilot.connection.tls,
  });
  await expect(callUnary(client.drain.bind(client), { epoch: 0, graceMs: 0 })).rejects.toMatchObject({
    code: 'permission-denied',
  });
  client.close();
});

it('the audit log tells changes and refusals, and no payload', async () => {
  const log = await pilot.cli(['audit', 'tail', '-o', 'json']);
  const entries = log.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { what: string; who: string; outcome: string; about: string });
  expect(entries).toContainEqual(expect.objectContaining({ what: 'Deploy', who: 'owner', outcome: 'ok' }));
  expect(entries).toContainEqual(
    expect.objectContaining({ what: 'SetSecret', outcome: 'permission-denied', about: 'KEY' }),
  );
  expect(log.stdout).not.toContain('"x"');
});

it("a rotation replaces the owner's keys while calls go on, and the old ones open nothing", async () => {
  const old = pilot.connection;
  expect(await pilot.cli(['auth', 'rotate'])).toMatchObject({ code: 0 });
  await expect(withClient(old, (client) => client.list())).rejects.toMatchObject({ code: 'permission-denied' });
  expect(await pilot.cli(['invoke', 'echo', '-d', 'after'])).toMatchObject({ code: 0, stdout: 'after' });
  await eventually(async () => (await pilot.cli(['pub', 'lab.c', '-d', 'x'])).code === 0, {
    what: 'the new keys open the streams',
    timeoutMs: 20_000,
  });
});

it('a connection file that others can read is refused, and so is one that is none', async () => {
  const file = join(pilot.home, 'open.json');
  writeFileSync(file, '{}', { mode: 0o644 });
  expect(await pilot.cli(['list', '--pilot', file])).toMatchObject({ code: 6 });
  writeFileSync(join(pilot.home, 'none.json'), '{}', { mode: 0o600 });
  expect(await pilot.cli(['list', '--pilot', join(pilot.home, 'none.json')])).toMatchObject({ code: 3 });
});

/** As the agent's log says it. */
function addressOfAgent(): string {
  const log = readFileSync(join(pilot.directory, 'nodes/n1/logs/agent.log'), 'utf8');
  const line = log.split('\n').find((text) => text.includes('"agent ready"')) ?? '{}';
  return (JSON.parse(line) as { address: string }).address;
}
