/** Readers of a stream on a real nats-server: what they leave behind. */
import { jetstreamManager } from '@nats-io/jetstream';
import { expect, it } from 'vitest';
import { EventPublisher, encodeHeaders, eventSubject, messageIdHeader, readStream, streams } from '#broker';
import { systemClock } from '#common';
import { BareBroker } from '../harness/bare-broker.ts';
import { eventually } from '../harness/eventually.ts';

it('a reader that has ended is gone from the server at once: a study makes thousands of them', async () => {
  await using broker = await BareBroker.start();
  const { connection, inbox } = await broker.member('gateway', 'g');
  const publisher = new EventPublisher({ connection, inbox, clock: systemClock });
  for (let number = 0; number < 3; number++) {
    const headers = encodeHeaders([[messageIdHeader, `n-${number}`]]);
    await new Promise<void>((resolve, reject) =>
      publisher.publish(eventSubject(`read.${number}`), new Uint8Array(10), headers, (error) =>
        error ? reject(error) : resolve(),
      ),
    );
  }
  publisher.close();
  const viewer = await broker.member('viewer', 'v');
  for (let time = 0; time < 20; time++) {
    const messages = await readStream({
      connection: viewer.connection,
      stream: streams.events,
      from: 'all',
      signal: undefined,
      clock: systemClock,
    });
    let seen = 0;
    for await (const _ of messages) if (++seen === 3) break;
    expect(seen).toBe(3);
  }
  const manager = await jetstreamManager(connection);
  const kept = async () => (await manager.streams.info(streams.events)).state.consumer_count;
  // A server forgets a silent reader after 30 s: far later than this.
  await eventually(async () => (await kept()) === 0, { timeoutMs: 15_000, what: 'no reader is left' });
});

it('what was deleted while it was read is not waited for', async () => {
  await using broker = await BareBroker.start();
  const { connection, inbox } = await broker.member('gateway', 'g');
  const publisher = new EventPublisher({ connection, inbox, clock: systemClock });
  // More than a reader fetches ahead of its taker, so that some of it is still the server's when it is purged.
  const count = 8;
  for (let number = 0; number < count; number++) {
    const headers = encodeHeaders([[messageIdHeader, `n-${number}`]]);
    await new Promise<void>((resolve, reject) =>
      publisher.publish(eventSubject(`purged.${number}`), new Uint8Array(8 * 2 ** 20), headers, (error) =>
        error ? reject(error) : resolve(),
      ),
    );
  }
  publisher.close();
  const manager = await jetstreamManager(connection);
  let seen = 0;
  const messages = await readStream({
    connection,
    stream: streams.events,
    from: 'all',
    untilCurrent: true,
    signal: undefined,
    clock: systemClock,
  });
  for await (const _ of messages) if (++seen === 1) await manager.streams.purge(streams.events);
  expect(seen).toBeLessThan(count);
}, 60_000);
