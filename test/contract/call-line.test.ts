/** The line of calls between gateway and agent, over both of its sockets: what goes in comes out, and who gets in. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PlatformError, systemClock } from '#common';
import { resultForms } from '#frames';
import type { FunctionVersion } from '#proto';
import {
  invokePayloadBytesMax,
  type LineServer,
  leaving,
  openLine,
  type PeerAddress,
  startLineServer,
  type TlsIdentity,
} from '#rpc';
import { agentServerName } from '#security';
import { createLogger } from '#telemetry';
import { isGateway } from '../../platform/agent/agent-admission.ts';
import type { Call } from '../../platform/agent/call.ts';
import { CallLine as AgentLine, type CallLineOptions } from '../../platform/agent/calls/call-line.ts';
import { CallLine } from '../../platform/gateway/nodes/call-line.ts';
import { eventually } from '../harness/eventually.ts';
import { closed, createMembers } from '../harness/members.ts';

const token = 'only the gateway knows';
/** As rpc/limits.ts has it. */
const handshakesMax = 128;
const serverName = agentServerName('test', 'n1');
const folder = mkdtempSync(join(tmpdir(), 'pilotfish-line-'));
const socketPath = join(folder, 'calls.sock');
let server: LineServer;
let member: TlsIdentity;
let stranger: TlsIdentity;
/** Of the same pilot: a token, another node's agent, the owner. */
let others: TlsIdentity[];
const sockets = new Set<Socket>();
const waiting: Call[] = [];
let cancelled = 0;

/** Answers by the function's name; the agent around it is not of interest here. */
const answers: Record<string, (call: Call) => void> = {
  echo: (call) => call.settle({ kind: 'result', form: resultForms.single, header: '', body: call.body }, ran),
  fails: (call) =>
    call.settle({ kind: 'failed', error: { kind: 'failed', message: 'no', stack: 'Error: no\n  at f' } }, ran),
  refuses: (call) =>
    call.settle({ kind: 'failed', error: { kind: 'rejected', message: 'never', stack: 'Reject: never\n  at f' } }, ran),
  describes: (call) => {
    const header = JSON.stringify([{ length: call.body.length, headers: { 'Pilotfish-Shape': '2,3' } }]);
    call.settle({ kind: 'result', form: resultForms.several, header, body: call.body }, ran);
  },
  swells: (call) => {
    const body = Buffer.alloc(invokePayloadBytesMax + 1);
    call.settle({ kind: 'result', form: resultForms.single, header: '', body }, ran);
  },
  pieces: (call) => {
    for (const text of ['one', 'two']) call.onChunk?.(Buffer.from(text));
    call.settle({ kind: 'result', form: resultForms.none, header: '', body: new Uint8Array(0) }, ran);
  },
  waits: (call) => void waiting.push(call),
};
const ran = { instance: 'n1-i1', ms: 1 };
let skewMs = 0;
const agent = {
  clock: { ...systemClock, monotonic: () => systemClock.monotonic() + skewMs },
  config: { node: 'n1' },
  logs: { write: () => undefined },
  hasTimeFor: () => true,
  instances: () => [{ instance: { cancel: () => cancelled++ } }],
  find: (digest: string) =>
    answers[digest] && {
      pool: { ready: true, submit: (call: Call) => answers[digest]?.(call) ?? true },
      stacks: { map: async (stack: string) => stack },
    },
} as unknown as CallLineOptions['agent'];

beforeAll(async () => {
  const [ours, theirs] = [await createMembers('test'), await createMembers('other')];
  // Both ends of a line here: it serves as an agent would, and calls as a gateway.
  member = await ours.issue('gateway', [serverName]);
  stranger = await theirs.issue('gateway', [serverName]);
  others = await Promise.all(['t-abcdefgh', 'agent-n2', 'owner', 'gatewayer'].map((name) => ours.issue(name)));
  const logger = createLogger({ pilot: 'test', node: 'n1', process: 'agent' });
  const onLine = (socket: Socket) => {
    sockets.add(socket);
    new AgentLine(socket, { agent, token, logger });
  };
  server = await startLineServer({ host: '127.0.0.1', tls: member, socketPath, isCaller: isGateway, onLine });
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const far = (tls: TlsIdentity): PeerAddress => ({ address: server.address, serverName, tls });

function lineTo(peer: PeerAddress | { socketPath: string }, said = token): CallLine {
  return new CallLine({ node: 'n1', token: said, open: () => openLine(peer) });
}

function callOf(line: CallLine, name: string, payload = Buffer.alloc(0), more: object = {}) {
  const version = { function: name, digest: name } as FunctionVersion;
  const { signal } = new AbortController();
  return line.call({ version, payload, headers: {}, timeoutMs: 10_000, caller: leaving(signal), dueMs: 0, ...more });
}

describe.each([
  ['TLS', () => far(member)],
  ['a Unix socket', () => ({ socketPath })],
])('a line of calls over %s', (_, peer) => {
  it('brings answers back as they were, many at once, small and large', async () => {
    const line = lineTo(peer());
    const payloads = [0, 1, 128, 20_000, 3_000_000].map((bytes) => Buffer.alloc(bytes, bytes % 251));
    const back = await Promise.all(payloads.map((payload) => callOf(line, 'echo', payload)));
    for (const [at, { payload, instance, cold }] of back.entries()) {
      expect(payload.equals(payloads[at] ?? Buffer.alloc(0))).toBe(true);
      expect({ instance, cold }).toEqual({ instance: 'n1-i1', cold: false });
    }
    line.drop('is done');
  });

  it('brings what the function says of its answer', async () => {
    const line = lineTo(peer());
    const told = await callOf(line, 'describes', Buffer.from('six'));
    expect(told).toMatchObject({ payload: Buffer.from('six'), headers: { 'Pilotfish-Shape': '2,3' } });
    expect((await callOf(line, 'echo')).headers).toEqual({});
    line.drop('is done');
  });

  it('ends a call whose outcome is overdue', async () => {
    const line = lineTo(peer());
    const call = expect(callOf(line, 'waits')).rejects.toMatchObject({ code: 'timeout' });
    await expect.poll(() => waiting.length, { timeout: 5_000 }).toBeGreaterThan(0);
    skewMs += 60_000;
    await call;
    expect((await callOf(line, 'echo', Buffer.from('next'))).payload.toString()).toBe('next');
    waiting.length = 0;
    line.drop('is done');
  });

  it('brings errors with code and stack, and pieces in order before the end', async () => {
    const line = lineTo(peer());
    await expect(callOf(line, 'fails')).rejects.toMatchObject({
      code: 'function-failed',
      message: 'no',
      foreignStack: 'Error: no\n  at f',
    });
    // A refusal is no accident.
    await expect(callOf(line, 'refuses')).rejects.toMatchObject({ code: 'function-rejected', foreignStack: '' });
    await expect(callOf(line, 'swells')).rejects.toMatchObject({ code: 'payload-too-large' });
    await expect(callOf(line, 'nobody')).rejects.toMatchObject({ code: 'not-found' });
    const pieces: string[] = [];
    const { payload } = await callOf(line, 'pieces', undefined, {
      onChunk: (piece: Buffer) => pieces.push(`${piece}`),
    });
    expect({ pieces, end: payload.length }).toEqual({ pieces: ['one', 'two'], end: 0 });
    line.drop('is done');
  });

  it('tells the agent when a caller goes away', async () => {
    const line = lineTo(peer());
    const caller = new AbortController();
    const before = cancelled;
    const call = callOf(line, 'waits', undefined, { caller: leaving(caller.signal) });
    await eventually(() => waiting.length > 0, { timeoutMs: 5_000, what: 'the call at the agent' });
    caller.abort();
    await eventually(() => cancelled > before, { timeoutMs: 5_000, what: 'its cancellation' });
    for (const each of waiting.splice(0)) answers['echo']?.(each);
    await call;
    line.drop('is done');
  });

  it('fails its calls when it is lost, and dials again for the next', async () => {
    const line = lineTo(peer());
    const call = callOf(line, 'waits');
    await eventually(() => waiting.length > 0, { timeoutMs: 5_000, what: 'the call at the agent' });
    for (const socket of sockets) socket.destroy();
    await expect(call).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('went away') });
    waiting.length = 0;
    expect((await callOf(line, 'echo', Buffer.from('x'))).payload.toString()).toBe('x');
    line.drop('is done');
  });

  it('takes no calls of a peer that does not know the token', async () => {
    await expect(callOf(lineTo(peer(), 'a guess'), 'echo')).rejects.toMatchObject({ code: 'unavailable' });
  });
});

it('a peer with the certificate of another pilot gets no line, nor gives one', async () => {
  const mixed = { ...stranger, ca: member.ca };
  for (const tls of [mixed, { ...member, ca: stranger.ca }])
    await expect(callOf(lineTo(far(tls)), 'echo')).rejects.toBeInstanceOf(PlatformError);
});

it('an agent that is not there is `unavailable`', async () => {
  const nowhere = lineTo({ socketPath: join(folder, 'nobody.sock') });
  await expect(callOf(nowhere, 'echo')).rejects.toMatchObject({ code: 'unavailable' });
});

it('nor does anybody of the same pilot who is no gateway, whatever he knows', async () => {
  const before = sockets.size;
  for (const tls of others)
    await expect(callOf(lineTo(far(tls)), 'echo')).rejects.toMatchObject({ code: 'unavailable' });
  expect(sockets.size).toBe(before);
});

it('strangers who connect and say nothing give way, and keep no gateway out', async () => {
  const port = Number(server.address.split(':')[1]);
  const silent = Array.from({ length: handshakesMax + 40 }, () => connect(port, '127.0.0.1'));
  await Promise.all(silent.slice(0, 20).map((socket) => closed(socket)));
  const line = lineTo(far(member));
  expect((await callOf(line, 'echo', Buffer.from('x'))).payload.toString()).toBe('x');
  line.drop('is done');
  for (const socket of silent) socket.destroy();
});
