/** What a delivered event's ack subject says, in both forms that servers write it. */
import { expect, it } from 'vitest';
import { parseAckSubject } from '../../platform/broker/nats/event-puller.ts';
import { fc } from '../harness/properties.ts';

it('is read in one pass as it was written, with or without domain and account', () => {
  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,30}$/);
  const facts = fc.record({
    stream: name,
    consumer: name,
    deliveries: fc.integer({ min: 1, max: 2 ** 31 }),
    sequence: fc.integer({ min: 1, max: 2 ** 50 }),
    timeMs: fc.integer({ min: 1, max: 2 ** 41 }),
    pending: fc.nat(),
    v2: fc.boolean(),
  });
  fc.assert(
    fc.property(facts, ({ stream, consumer, deliveries, sequence, timeMs, pending, v2 }) => {
      const rest = `${stream}.${consumer}.${deliveries}.${sequence}.7.${timeMs}000500.${pending}`;
      const subject = v2 ? `$JS.ACK._.9fZsT1.${rest}` : `$JS.ACK.${rest}`;
      expect(parseAckSubject(subject)).toEqual({ deliveries, streamSequence: sequence, timeMs });
    }),
  );
});
