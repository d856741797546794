/** Pulling by credit from a real server: never more than asked for, and nothing missed when the server is killed. */
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  EventPublisher,
  EventPuller,
  encodeHeadersWithId,
  ensureConsumer,
  eventSubject,
  type PulledEvent,
  spareCopies,
  streams,
} from '#broker';
import { systemClock } from '#common';
import { BareBroker, type BrokerMember } from '../harness/bare-broker.ts';
import { eventually } from '../harness/eventually.ts';

let broker: BareBroker;
let agent: BrokerMember;
let publisher: EventPublisher;
let lostCheck: NodeJS.Timeout;
const pullers: EventPuller[] = [];

beforeAll(async () => {
  broker = await BareBroker.start();
  agent = await broker.member('agent', 'n1');
  spareCopies(agent.connection);
  publisher = new EventPublisher({ connection: agent.connection, inbox: agent.inbox, clock: systemClock });
  lostCheck = setInterval(() => {
    publisher.checkLost();
    for (const puller of pullers) puller.checkLost();
  }, 250);
  void (async () => {
    for await (const { type } of agent.connection.status()) {
      if (type !== 'reconnect') continue;
      publisher.reset();
      for (const puller of pullers) puller.reset();
    }
  })();
});

afterAll(async () => {
  clearInterval(lostCheck);
  for (const puller of pullers) await puller.close();
  publisher.close();
  await broker[Symbol.asyncDispose]();
});

async function openPuller(name: string, onEvent: (event: PulledEvent) => void): Promise<EventPuller> {
  const manager = await jetstreamManager(await broker.connect('gateway', `make-${name}`));
  await ensureConsumer(manager, streams.events, `fn-${name}`, eventSubject(`${name}.*`));
  const { connection, inbox } = agent;
  const options = { connection, inbox, stream: streams.events, consumer: `fn-${name}`, clock: systemClock };
  const puller = new EventPuller({ ...options, onEvent });
  pullers.push(puller);
  return puller;
}

/** Errors of those that were refused; all have settled when it resolves. */
async function publish(name: string, count: number, from = 0): Promise<Error[]> {
  const errors: Error[] = [];
  const settled = Array.from({ length: count }, (_, at) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const id = `${name}-${from + at}`;
    publisher.publish(eventSubject(`${name}.${from + at}`), Buffer.from(id), encodeHeadersWithId(id, ''), (error) => {
      if (error) errors.push(error);
      resolve();
    });
    return promise;
  });
  await Promise.all(settled);
  return errors;
}

const ack = (event: PulledEvent) => agent.connection.publish(event.ackSubject, '');

it('gives no more than the credit, and the rest as credit is stated anew', async () => {
  const events: PulledEvent[] = [];
  const puller = await openPuller('credit', (event) => events.push(event));
  expect(await publish('credit', 50)).toEqual([]);
  puller.setCredit(7);
  await eventually(() => events.length === 7, { timeoutMs: 5_000, what: 'seven events' });
  await agent.connection.flush();
  expect(events).toHaveLength(7);
  expect(puller.outstanding).toBe(0);
  puller.setCredit(43);
  await eventually(() => events.length === 50, { timeoutMs: 5_000, what: 'fifty events' });
  expect(events.map(({ streamSequence }) => streamSequence)).toEqual(
    [...events.map(({ streamSequence }) => streamSequence)].sort((a, b) => a - b),
  );
  expect(events.map(({ deliveries }) => deliveries)).toEqual(events.map(() => 1));
  expect(Math.abs((events[0]?.timeMs ?? 0) - Date.now())).toBeLessThan(60_000);
  events.forEach(ack);
});

it('takes back what it has asked for: what is published then is given to who asks next, at once and for the first time', async () => {
  const events: PulledEvent[] = [];
  const puller = await openPuller('withdrawn', (event) => events.push(event));
  puller.setCredit(10);
  await agent.connection.flush();
  puller.withdraw();
  await agent.connection.flush();
  expect(puller.outstanding).toBe(0);
  expect(await publish('withdrawn', 10)).toEqual([]);
  await agent.connection.flush();
  expect(events).toEqual([]);
  puller.setCredit(10);
  await eventually(() => events.length === 10, { timeoutMs: 20_000, what: 'ten events' });
  expect(events.map(({ deliveries }) => deliveries)).toEqual(events.map(() => 1));
  events.forEach(ack);
});

it('gives no more bytes than were stated, however many events: a burst of frames waits in the stream', async () => {
  const mebibyte = 2 ** 20;
  const bytesMax = 40 * mebibyte;
  const frame = Buffer.alloc(4 * mebibyte, 7);
  let heldBytes = 0;
  let most = 0;
  const held: PulledEvent[] = [];
  const puller = await openPuller('frames', (event) => {
    held.push(event);
    heldBytes += event.message.data.length;
    most = Math.max(most, heldBytes);
  });
  for (let number = 0; number < 30; number++) {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    publisher.publish(eventSubject(`frames.${number}`), frame, encodeHeadersWithId(`frames.${number}`, ''), resolve);
    await promise;
  }
  let done = 0;
  const state = () => puller.setCredit(500 - held.length, bytesMax - heldBytes);
  state();
  while (done < 30) {
    await eventually(() => held.length > 0 && held, { timeoutMs: 10_000, what: `frame ${done}` });
    // A slow function: what comes while it works must stay within the bound.
    await agent.connection.flush();
    for (const event of held.splice(0)) {
      ack(event);
      heldBytes -= event.message.data.length;
      done++;
      state();
    }
  }
  expect(most).toBeLessThanOrEqual(bytesMax);
  expect(most).toBeGreaterThan(frame.length);
});

it('where fewer bytes are left than the largest event has, asks for as many events as will fit: one too many at most', async () => {
  const kibibyte = 2 ** 10;
  const bytesMax = 4_000 * kibibyte;
  const payload = Buffer.alloc(900 * kibibyte, 7);
  let heldBytes = 0;
  let most = 0;
  const held: PulledEvent[] = [];
  const puller = await openPuller('tight', (event) => {
    held.push(event);
    heldBytes += event.message.data.length;
    most = Math.max(most, heldBytes);
  });
  for (let number = 0; number < 20; number++) {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    publisher.publish(eventSubject(`tight.${number}`), payload, encodeHeadersWithId(`tight.${number}`, ''), resolve);
    await promise;
  }
  let done = 0;
  let together = 0;
  // As an intake does: with no room left it asks for nothing.
  const state = () => puller.setCredit(heldBytes < bytesMax ? 500 - held.length : 0, bytesMax - heldBytes);
  state();
  while (done < 20) {
    await eventually(() => held.length > 0, { timeoutMs: 10_000, what: `payload ${done}` });
    state();
    const asked = () => puller.outstanding === 0 || done + held.length === 20;
    await eventually(asked, { timeoutMs: 10_000, what: 'all that was asked for' });
    together = Math.max(together, held.length);
    const event = held.shift();
    if (!event) continue;
    ack(event);
    heldBytes -= event.message.data.length;
    done++;
    state();
  }
  expect(most).toBeLessThanOrEqual(bytesMax + payload.length);
  expect(together).toBeGreaterThanOrEqual(4);
});

it('asks for no more by itself, though its owner has not said that what it asked for has come', async () => {
  const events: PulledEvent[] = [];
  const puller = await openPuller('unstated', (event) => events.push(event));
  await publish('unstated', 10);
  puller.setCredit(4, 2 ** 30);
  await eventually(() => events.length === 4, { timeoutMs: 5_000, what: 'four events' });
  puller.checkLost();
  expect(puller.outstanding).toBe(0);
  puller.setCredit(6);
  await eventually(() => events.length === 10, { timeoutMs: 5_000, what: 'the others' });
  events.forEach(ack);
});

it('a nak brings the event again with a higher count, after its delay', async () => {
  const events: { event: PulledEvent; at: number }[] = [];
  const puller = await openPuller('nak', (event) => events.push({ event, at: performance.now() }));
  await publish('nak', 1);
  puller.setCredit(1);
  const first = await eventually(() => events[0], { timeoutMs: 5_000, what: 'the event' });
  agent.connection.publish(first.event.ackSubject, '-NAK {"delay":500000000}');
  puller.setCredit(1);
  const second = await eventually(() => events[1], { timeoutMs: 5_000, what: 'the event again' });
  expect(second.event).toMatchObject({ streamSequence: first.event.streamSequence, deliveries: 2 });
  expect(second.at - first.at).toBeGreaterThan(450);
  ack(second.event);
});

it('kill -9 of the server: every publish settles, every event comes', async () => {
  const count = 3_000;
  const seen = new Set<number>();
  const puller = await openPuller('kill', (event) => {
    seen.add(event.streamSequence);
    ack(event);
    puller.setCredit(64);
  });
  puller.setCredit(64);
  const errors: Error[] = [];
  for (let from = 0; from < count; from += 500) {
    const batch = publish('kill', 500, from);
    if (from === 1_000) await broker.killAndRestart();
    errors.push(...(await batch));
  }
  expect(errors).toEqual([]);
  await eventually(
    () => {
      puller.setCredit(64);
      return seen.size === count;
    },
    { timeoutMs: 20_000, what: 'every event' },
  );
  expect(publisher.openPublishes).toBe(0);
}, 60_000);

it('payloads of all sizes arrive as they were sent, in one burst and around a kill -9 of the server', async () => {
  const sizes = [0, 1, 4_096, 131_071, 131_072, 700_001, 2 ** 21, 64, 15 * 2 ** 20, 300_000];
  const payloadOf = (bytes: number) => Buffer.alloc(bytes, `${bytes} bytes, `);
  const arrived = new Map<string, boolean>();
  const puller = await openPuller('sizes', (event) => {
    const bytes = Number(event.subject.split('.').at(-1));
    arrived.set(event.subject, payloadOf(bytes).equals(event.message.data));
    ack(event);
  });
  const burst = (round: string) =>
    sizes.map((bytes) => {
      const { promise, resolve } = Promise.withResolvers<Error | undefined>();
      const id = `sizes-${round}-${bytes}`;
      publisher.publish(eventSubject(`sizes.${bytes}`), payloadOf(bytes), encodeHeadersWithId(id, ''), resolve);
      return promise;
    });
  const all = async (what: string) => {
    await eventually(
      () => {
        puller.setCredit(sizes.length);
        return arrived.size === sizes.length;
      },
      { timeoutMs: 30_000, what },
    );
    expect([...arrived.values()]).toEqual(sizes.map(() => true));
    arrived.clear();
  };
  expect(await Promise.all(burst('before'))).toEqual(sizes.map(() => undefined));
  await all('every size');
  const during = burst('during');
  await broker.killAndRestart();
  expect(await Promise.all(during)).toEqual(sizes.map(() => undefined));
  await all('every size of the second burst');
}, 90_000);

it('a stream that refuses says why, and whether trying again can help', async () => {
  const [large] = await new Promise<[(Error & { code?: string }) | undefined]>((resolve) => {
    publisher.publish(eventSubject('large.1'), Buffer.alloc(16.2e6), encodeHeadersWithId('large', ''), (error) =>
      resolve([error]),
    );
  });
  expect(large).toMatchObject({ code: 'payload-too-large', retryable: false });
  const [larger] = await new Promise<[(Error & { code?: string }) | undefined]>((resolve) => {
    publisher.publish(eventSubject('large.2'), Buffer.alloc(17e6), encodeHeadersWithId('larger', ''), (error) =>
      resolve([error]),
    );
  });
  // Refused before it is sent: the server would close the connection.
  expect(larger).toMatchObject({ code: 'invalid', retryable: false });
  expect(await publish('after', 1)).toEqual([]);
});
