/** What the holder of a token may do on the streams with a client of his own, asked of a real server. */
import { jetstreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventClient } from '#client';
import { BareBroker } from '../harness/bare-broker.ts';
import { eventually } from '../harness/eventually.ts';
import { isSubscriptionRefused, refusedPublishes } from '../harness/nats-refusals.ts';

const api = '$JS.pilot.API';
const tokens = [
  { id: 't-source', roles: ['source'], subjects: ['lab.*'] },
  { id: 't-viewer', roles: ['viewer'], subjects: [] },
  { id: 't-both', roles: ['source', 'viewer'], subjects: [] },
] as const;
type TokenId = (typeof tokens)[number]['id'];

/** Subject, and the tokens that may publish to it; all others must be refused. */
const publishing: readonly (readonly [string, readonly TokenId[]])[] = [
  ['ev.lab.a', ['t-source', 't-both']],
  ['ev.office.a', ['t-both']],
  ['ev.pilotfish.file.reader.on0.passwd', []],
  ['claim.chunk.x.0', ['t-source', 't-both']],
  ['gather.gridrec.0.scan-1', []],
  ['dlq.gridrec', []],
  ['log.gridrec.i1', []],
  ['audit.owner', []],
  ['$KV.registry.alias.echo.latest', []],
  ['$KV.state.echo.a', []],
  ['$O.artifacts.C.abc', []],
  ['$JS.API.INFO', []],
  ['$JS.API.STREAM.INFO.EVENTS', []],
  ['$JS.API.CONSUMER.CREATE.EVENTS.reader.ev.>', []],
  ['$JS.API.CONSUMER.MSG.NEXT.EVENTS.fn-echo-0', []],
  ['$JS.API.CONSUMER.DELETE.EVENTS.fn-echo-0', []],
  ['$JS.ACK.EVENTS.fn-echo-0.1.1.1.1.0', []],
  [`${api}.STREAM.INFO.EVENTS`, ['t-source', 't-viewer', 't-both']],
  [`${api}.STREAM.INFO.AUDIT`, []],
  [`${api}.DIRECT.GET.EVENTS`, ['t-viewer', 't-both']],
  [`${api}.DIRECT.GET.CLAIMS.claim.chunk.x.0`, ['t-viewer', 't-both']],
  [`${api}.DIRECT.GET.KV_registry.$KV.registry.alias.echo.latest`, []],
  [`${api}.CONSUMER.CREATE.EVENTS.reader.ev.>`, []],
  ['_INBOX.viewer.t-viewer.test.x', []],
  ['$SYS.REQ.SERVER.PING', []],
];

/** Where somebody who means harm would have an answer stored, or obeyed. */
const replies = [
  'audit.forged',
  'ev.office.forged',
  'ev.pilotfish.file.reader.on0.forged',
  'claim.note.forged',
  'gather.f.0.forged',
  'retry.f.0',
  'dlq.f',
  'log.f.i1',
  '$KV.registry.alias.echo.latest',
  '$KV.state.echo.a',
  '$KV.tokens.t-forged',
  '$O.artifacts.C.forged',
  '$JS.API.STREAM.PURGE.EVENTS',
  `${api}.STREAM.INFO.EVENTS`,
];

describe('a token on the streams', () => {
  let broker: BareBroker;
  let gateway: NatsConnection;
  beforeAll(async () => {
    broker = await BareBroker.start(2 * 2 ** 30, tokens);
    gateway = await broker.connect('gateway', 'test');
    await gateway.request('ev.lab.first', 'stored');
  });
  afterAll(async () => {
    await broker[Symbol.asyncDispose]();
  });
  const open = ({ id, roles }: (typeof tokens)[number]) => broker.connectToken(id, roles[0]);

  /** Messages that were ever stored, and those there are, by stream. */
  const stored = async () => {
    const manager = await jetstreamManager(gateway);
    const streams: string[] = [];
    for await (const { config, state } of manager.streams.list()) {
      streams.push(`${config.name} ${state.last_seq} ${state.messages}`);
    }
    return streams.sort();
  };

  it.each(tokens)('$id publishes exactly where the table says', async (token) => {
    const connection = await open(token);
    const subjects = publishing.map(([subject]) => subject);
    const allowed = publishing.filter(([, ids]) => ids.includes(token.id)).map(([subject]) => subject);
    const refused = await refusedPublishes(connection, subjects);
    expect(subjects.filter((subject) => !refused.includes(subject))).toEqual(allowed);
  });

  it.each(tokens)('$id hears its own inbox and no other', async (token) => {
    const connection = await open(token);
    for (const { id, roles } of tokens) {
      for (const role of roles) {
        const own = id === token.id;
        expect(await isSubscriptionRefused(connection, `_INBOX.${role}.${id}.x`), `${role} ${id}`).toBe(!own);
      }
    }
    for (const subject of ['>', 'ev.>', '_INBOX.>', '_INBOX.source.>', '_INBOX.viewer.>', '$KV.>', `${api}.>`]) {
      expect(await isSubscriptionRefused(connection, subject), subject).toBe(true);
    }
  });

  it('answers are stored nowhere, whatever reply a request names', async () => {
    const before = await stored();
    for (const token of tokens) {
      const connection = await open(token);
      for (const reply of replies) {
        connection.publish(`${api}.STREAM.INFO.EVENTS`, '', { reply });
        connection.publish(`${api}.DIRECT.GET.EVENTS`, '{"seq":1}', { reply });
        // Wrong on purpose: the stream refuses it, and the refusal is the answer.
        const wrong = headers();
        wrong.set('Nats-Expected-Stream', 'ANOTHER');
        connection.publish('ev.lab.x', 'x', { reply, headers: wrong });
      }
      await connection.flush();
      // Requests of one connection are answered in turn: this is behind them.
      await connection.request(`${api}.STREAM.INFO.EVENTS`);
    }
    expect(await stored()).toEqual(before);
    // That it would be seen: whoever may publish where the answer goes has it stored.
    gateway.publish('$JS.API.STREAM.INFO.EVENTS', '', { reply: 'audit.seen' });
    await eventually(async () => (await stored()).join() !== before.join(), {
      timeoutMs: 20_000,
      what: 'an answer is stored',
    });
  });

  it('reads from the first event, from one, from a time, and what comes, by the subject asked for', async () => {
    const source = new EventClient(await broker.connectToken('t-both', 'source'), 'source', 't-both.test', {
      token: 't-both',
    });
    await source.open();
    for (let number = 1; number <= 20; number++) await source.publish(`read.${number % 2}`, `${number}`);
    await source.flush();
    const viewer = new EventClient(await broker.connectToken('t-viewer', 'viewer'), 'viewer', 't-viewer.test', {
      token: 't-viewer',
    });
    const even = await take(await viewer.read('read.0', { from: 'all' }), 10);
    expect(even.map(({ data }) => text(data))).toEqual(Array.from({ length: 10 }, (_, place) => `${2 * place + 2}`));
    const sequence = even[4]?.sequence ?? 0;
    expect((await take(await viewer.read('read.*', { from: { sequence } }), 2)).map(({ data }) => text(data))).toEqual([
      '10',
      '11',
    ]);
    const since = await take(await viewer.read('read.>', { from: { sinceMs: even[0]?.time.getTime() ?? 0 } }), 18);
    expect(since.map(({ sequence }) => sequence)).toEqual(since.map((_, place) => (since[0]?.sequence ?? 0) + place));
    const [bare] = await take(await viewer.read('read.1', { from: 'all', headersOnly: true }), 1);
    expect(bare).toMatchObject({ subject: 'read.1', bytes: 1, headers: {} });
    expect(bare?.data).toHaveLength(0);
    const coming = await viewer.read('read.*');
    await source.publish('read.new', 'new', { id: 'once', headers: { 'x-a': 'b' } });
    expect(await take(coming, 1)).toMatchObject([{ subject: 'read.new', id: 'once', headers: { 'x-a': 'b' } }]);
    await source.close();
    await viewer.close();
  });

  it('reads what lies in pieces in the stream', async () => {
    const claims = { place: 'stream', directory: '', token: 't', bytesMax: 2 ** 30 } as const;
    const options = { token: 't-both', claims, claimOverBytes: 1_000 };
    await using source = new EventClient(
      await broker.connectToken('t-both', 'source'),
      'source',
      't-both.pieces',
      options,
    );
    await source.open();
    const data = new Uint8Array(3_000_000).map((_, at) => at % 251);
    await source.publish('pieces.a', data);
    await source.flush();
    await using viewer = new EventClient(await broker.connectToken('t-viewer', 'viewer'), 'viewer', 't-viewer.test', {
      token: 't-viewer',
    });
    const [event] = await take(await viewer.read('pieces.*', { from: 'all' }), 1);
    expect(event).toMatchObject({ bytes: data.byteLength, data: { byteLength: 0 } });
    expect(event && Buffer.compare(await viewer.payload(event), data)).toBe(0);
  });

  it('goes on reading when the server was killed and comes again', async () => {
    const viewer = new EventClient(await broker.connectToken('t-viewer', 'viewer'), 'viewer', 't-viewer.test', {
      token: 't-viewer',
    });
    const reading = (await viewer.read('again.*', { from: 'all' }))[Symbol.asyncIterator]();
    await gateway.request('ev.again.1', '1');
    expect(text((await reading.next()).value?.data)).toBe('1');
    const second = reading.next();
    await broker.killAndRestart();
    const later = await broker.connect('gateway', 'later');
    await later.request('ev.again.2', '2');
    expect(text((await second).value?.data)).toBe('2');
    await viewer.close();
  });
});

function text(data: Uint8Array | undefined): string {
  return Buffer.from(data ?? []).toString('utf8');
}

async function take<T>(messages: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const message of messages) if (taken.push(message) === count) break;
  return taken;
}
