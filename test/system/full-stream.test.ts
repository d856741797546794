/** R8: a full stream holds its source back, which counts; a function can be deployed and work meanwhile. */
import { expect, it } from 'vitest';
import { FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';
import { count, fillAndDeploy } from './full-stream.ts';

it('a source is held back by a full stream, and functions go on', async () => {
  using functions = new FunctionFolder();
  await using pilot = await TestPilot.start({ storeSize: '64MiB' });
  await using source = await pilot.events('source');
  const { stored } = await fillAndDeploy(pilot, source, functions);
  // What has no room waits at the source: it is neither lost nor counted as stored.
  expect(source.counts.acked).toBeGreaterThanOrEqual(stored);
  expect(source.counts.acked).toBeLessThan(count);
  expect((await pilot.client.invoke('fill', Buffer.alloc(262_144))).payload).toHaveLength(0);
}, 90_000);
