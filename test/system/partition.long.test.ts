/** The long form of partition.test.ts: a gateway that hangs for 20 s. */
import { expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';
import { steadyEcho, stopGatewayWhileEventsFlow } from './gateway-stop.ts';

it('a gateway stopped for 20 s is not missed by events, and changes nothing when it is back', async () => {
  using functions = new FunctionFolder();
  await using pilot = await TestPilot.start({ nodes: 2, coresPerNode: 2 });
  await functions.deploy(pilot, 'echo', '(event) => event.data', steadyEcho);
  await eventually(async () => (await pilot.client.get('echo')).summary?.instancesReady === 2, {
    timeoutMs: 15_000,
    what: 'two instances',
  });
  await stopGatewayWhileEventsFlow(pilot, 20_000);
  expect((await pilot.client.list()).map(({ name }) => name)).toEqual(['echo']);
}, 180_000);
