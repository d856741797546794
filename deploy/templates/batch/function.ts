// Many small events at a time: what costs the same for one and for a hundred is done once.
import { defineFunction, Reject } from 'pilotfish/sdk';

export default defineFunction({
  handleBatch(events, ctx) {
    ctx.log.info('a batch', { events: events.length });
    const values = events.map((event) => Number(event.text()));
    // One result an event, in order; an Error in a place fails that event alone.
    return values.map((value) => (Number.isFinite(value) ? value * 2 : new Reject('this is no number')));
  },
});
