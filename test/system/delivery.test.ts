/** The short form of delivery.long.test.ts: kill -9 and pauses for some seconds, and everything is as promised. */
import { it } from 'vitest';
import { checkDelivery } from '../harness/delivery-check.ts';
import { TestPilot } from '../harness/pilot.ts';
import { allProcesses } from '../harness/random-faults.ts';

it('one result an event, order per key and exactly the poisoned dead letters under seeded faults', async () => {
  await using pilot = await TestPilot.start({ nodes: 2, coresPerNode: 4 });
  const settleMs = 90_000;
  // Pauses shorter than a lease: the long form has the others.
  await checkDelivery(pilot, { seed: 3, seconds: 12, rate: 100, processes: allProcesses, pauseMsMax: 2_500, settleMs });
}, 240_000);
