/** The event client against a real broker: nothing lost or doubled, and a full stream slows its source down. */
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { streams } from '#broker';
import { EventClient, publishesInFlightMax, type StoredEvent } from '#client';
import { BareBroker } from '../harness/bare-broker.ts';
import { eventually } from '../harness/eventually.ts';

let broker: BareBroker;
let members = 0;
beforeAll(async () => {
  broker = await BareBroker.start();
});
afterAll(() => broker[Symbol.asyncDispose]());

async function client(role: 'source' | 'viewer'): Promise<EventClient> {
  const member = `m${members++}`;
  const client = new EventClient(await broker.connect(role, member), role, member);
  if (role === 'source') await client.open();
  return client;
}

async function take(events: AsyncIterable<StoredEvent>, count: number): Promise<StoredEvent[]> {
  const taken: StoredEvent[] = [];
  for await (const event of events) if (taken.push(event) === count) break;
  return taken;
}

const text = (event: StoredEvent) => Buffer.from(event.data).toString('utf8');

test('what is published is read back with subject, headers and id, in order', async () => {
  await using source = await client('source');
  await using viewer = await client('viewer');
  const events = await viewer.read('a.*');
  await source.publish('a.1', 'one', { headers: { 'Pilotfish-Part': 'dark:0' }, id: 'first' });
  await source.publish('b.1', 'other');
  await source.publish('a.2', new Uint8Array([0xff]), { id: 'second' });
  await source.flush();
  const [one, two] = await take(events, 2);
  expect(one).toMatchObject({ subject: 'a.1', id: 'first', headers: { 'Pilotfish-Part': 'dark:0' } });
  expect(text(one!)).toBe('one');
  expect(two).toMatchObject({ subject: 'a.2', id: 'second' });
  expect([...two!.data]).toEqual([0xff]);
  expect(two!.sequence).toBe(one!.sequence + 2);
  expect(source.counts).toMatchObject({ sent: 3, acked: 3, retried: 0 });
});

test('a second event with the same id is stored once', async () => {
  await using source = await client('source');
  await using viewer = await client('viewer');
  for (const data of ['x', 'y', 'z']) await source.publish('same', data, { id: data === 'z' ? 'last' : 'same-id' });
  await source.flush();
  const stored = await take(await viewer.read('same', { from: 'all' }), 2);
  expect(stored.map(text)).toEqual(['x', 'z']);
});

test('publishes not waited for are held back by the window and all stored', async () => {
  await using source = await client('source');
  await using viewer = await client('viewer');
  const count = publishesInFlightMax * 3;
  const publishes = Array.from({ length: count }, (_, n) => source.publish('many', String(n)));
  expect(source.counts.sent).toBe(publishesInFlightMax);
  await Promise.all(publishes);
  await source.flush();
  const stored = await take(await viewer.read('many', { from: 'all' }), count);
  expect(new Set(stored.map(text)).size).toBe(count);
  expect(source.counts).toMatchObject({ sent: count, acked: count, retried: 0 });
});

test('a full stream refuses; the same event is stored once there is room', async () => {
  const manager = await jetstreamManager(await broker.connect('gateway', 'manager'));
  const { config } = await manager.streams.info(streams.events);
  await using source = await client('source');
  const { state } = await manager.streams.info(streams.events);
  await manager.streams.update(streams.events, { max_bytes: state.bytes + 2_000 });
  try {
    for (let n = 0; n < 40; n++) await source.publish('full', 'x'.repeat(100), { id: `full-${n}` });
    await eventually(() => source.counts.retried > 0, { what: 'a refusal', timeoutMs: 10_000 });
    expect(source.counts.acked).toBeLessThan(40);
  } finally {
    await manager.streams.update(streams.events, { max_bytes: config.max_bytes });
  }
  await source.flush();
  expect(source.counts).toMatchObject({ sent: 40, acked: 40 });
  await using viewer = await client('viewer');
  const stored = await take(await viewer.read('full', { from: 'all' }), 40);
  expect(new Set(stored.map(({ id }) => id)).size).toBe(40);
});

test('kill -9 of the broker meanwhile: every event is stored, each once', async () => {
  await using source = await client('source');
  await using viewer = await client('viewer');
  const count = 2_000;
  for (let n = 0; n < count; n++) {
    await source.publish('killed', String(n));
    if (n === count / 2) await broker.killAndRestart();
  }
  await source.flush();
  const stored = await take(await viewer.read('killed', { from: 'all' }), count);
  expect(new Set(stored.map(text)).size).toBe(count);
  expect(source.counts).toMatchObject({ sent: count, acked: count });
});

test.each([
  ['a wildcard', 'a.*', 'x', {}, 'invalid'],
  ['an empty token', 'a..b', 'x', {}, 'invalid'],
  ['a header of the broker', 'a', 'x', { headers: { 'Nats-Msg-Id': '1' } }, 'invalid'],
  ['a header with a line break', 'a', 'x', { headers: { name: 'a\r\nb' } }, 'invalid'],
  ['an id with a line break', 'a', 'x', { id: 'a\nb' }, 'invalid'],
  ['a payload above the limit', 'a', new Uint8Array(17e6), {}, 'payload-too-large'],
])('%s is refused before it is sent', async (_what, subject, data, options, code) => {
  await using source = await client('source');
  await expect(source.publish(subject, data, options)).rejects.toMatchObject({ code });
  expect(source.counts.sent).toBe(0);
});

test('a reader ends when its signal aborts', async () => {
  await using viewer = await client('viewer');
  const controller = new AbortController();
  const events = await viewer.read('nothing.here', { signal: controller.signal });
  const reading = take(events, 1);
  controller.abort();
  expect(await reading).toEqual([]);
});
