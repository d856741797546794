// One event in, one result out.
import { defineFunction, Reject } from 'pilotfish/sdk';

interface Reading {
  readonly celsius: number;
}

export default defineFunction({
  handle(event, ctx) {
    const { celsius } = event.json<Reading>();
    // Never to be tried again: it would fail each time.
    if (typeof celsius !== 'number') throw new Reject('a reading has a number "celsius"');
    ctx.log.info('converted', { celsius });
    return { kelvin: celsius + Number(ctx.config['offset']) };
  },
});
