/** R8: a full stream refuses its publishers, who wait and lose nothing; once a function takes the events, they get on. */
import { expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';

it('a source is held back by a full stream and goes on when a function drains it', async () => {
  using functions = new FunctionFolder();
  await using pilot = await TestPilot.start({ storeSize: '64MiB' });
  await using source = await pilot.events('source');
  const payload = Buffer.alloc(256 * 2 ** 10, 7);
  // 64 MiB, where the stream of events holds 68 % of that.
  const count = 256;
  const publishing = (async () => {
    for (let n = 0; n < count; n++) await source.publish(`fill.${n}`, payload, { id: `fill-${n}` });
    await source.flush();
  })();
  await eventually(() => source.counts.retried >= 5, { timeoutMs: 20_000, what: 'refusals' });
  const stored = source.counts.acked;
  expect(stored).toBeGreaterThan(100);
  expect(stored).toBeLessThan(count);
  const handler = '(event) => { if (event.data.length !== 262144) throw new Error("cut short"); }';
  await functions.deploy(pilot, 'fill', handler, ['on: [{ subject: "fill.*" }]']);
  await publishing;
  expect(source.counts).toMatchObject({ sent: count, acked: count });
  await eventually(
    async () => {
      const { summary } = await pilot.client.get('fill');
      return summary?.lag === 0 && summary.handled >= count && summary.failed === 0;
    },
    { timeoutMs: 30_000, what: 'every event is handled' },
  );
}, 90_000);
