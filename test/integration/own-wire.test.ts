/** What an agent's connection writes by itself is, to a real server, what the client would write. */
import { jetstreamManager } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeHeaders, eventSubject, readPubAck, spareCopies, streams } from '#broker';
import { BareBroker, type BrokerMember } from '../harness/bare-broker.ts';
import { eventually } from '../harness/eventually.ts';

let broker: BareBroker;
let agent: BrokerMember;

beforeAll(async () => {
  broker = await BareBroker.start();
  agent = await broker.member('agent', 'n1');
  spareCopies(agent.connection);
});

afterAll(() => broker[Symbol.asyncDispose]());

it('publishes every form of a message, and hears the answers', async () => {
  const { connection, inbox } = agent;
  const answers: number[] = [];
  connection.subscribe(`${inbox}.answer`, {
    callback: (_, { data }) => {
      answers.push(readPubAck(data).sequence);
    },
  });
  const subject = eventSubject('wire.größe');
  const reply = `${inbox}.answer`;
  const ours = encodeHeaders([['Note', 'größe']]);
  const theirs = headers();
  theirs.set('Note', 'theirs');
  connection.publish(subject);
  connection.publish(subject, 'größe');
  connection.publish(subject, 'with reply', { reply });
  connection.publish(subject, 'ours', { headers: ours, reply });
  connection.publish(subject, Buffer.alloc(0), { headers: ours });
  connection.publish(subject, 'theirs', { headers: theirs });
  for (const bytes of [60_000, 70_000, 200_000])
    connection.publish(subject, Buffer.alloc(bytes, 'x'), { headers: ours });
  connection.publish(subject, 'last', { reply });
  await eventually(() => answers.length === 3, { timeoutMs: 10_000, what: 'three are answered' });
  expect(answers).toEqual([3, 4, 10]);

  // By a client without any of it.
  const manager = await jetstreamManager(await broker.connect('gateway', 'reads'));
  const stored: string[] = [];
  for (let seq = 1; seq <= 10; seq++) {
    const message = await manager.streams.getMessage(streams.events, { seq });
    const note = message?.header.get('Note') ?? '';
    const { data = Buffer.alloc(0) } = message ?? {};
    stored.push(`${message?.subject} ${note} ${data.length} ${Buffer.from(data).toString('utf8', 0, 10)}`);
  }
  const xs = 'x'.repeat(10);
  expect(stored).toEqual(
    [
      ' 0 ',
      ' 7 größe',
      ' 10 with reply',
      'größe 4 ours',
      'größe 0 ',
      'theirs 6 theirs',
      `größe 60000 ${xs}`,
      `größe 70000 ${xs}`,
      `größe 200000 ${xs}`,
      ' 4 last',
    ].map((rest) => `${subject} ${rest}`),
  );
});

it('refuses what the client refuses', () => {
  const { connection } = agent;
  expect(() => connection.publish('')).toThrow();
  expect(() => connection.publish('ev.a b')).toThrow();
  expect(() => connection.publish('ev.a', 'x', { reply: 'a b' })).toThrow();
  expect(() => connection.publish('ev.a', Buffer.alloc(17 * 2 ** 20))).toThrow('max_payload');
});
