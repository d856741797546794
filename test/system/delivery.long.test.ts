/** Two minutes of seeded kill -9 and pauses of every process, longer than a lease at times; then the same on three servers. */
import { describe, it } from 'vitest';
import { checkDelivery } from '../harness/delivery-check.ts';
import { TestPilot } from '../harness/pilot.ts';
import { allProcesses } from '../harness/random-faults.ts';

const seconds = 120;
const settleMs = 180_000;

describe('one result an event, order per key and exactly the poisoned dead letters', () => {
  it.each([1, 2])(
    'with every process of two nodes ended and stopped at random (seed %i)',
    async (seed) => {
      await using pilot = await TestPilot.start({ nodes: 2, coresPerNode: 4 });
      await checkDelivery(pilot, { seed, seconds, rate: 100, processes: allProcesses, pauseMsMax: 9_000, settleMs });
    },
    600_000,
  );

  it('with three servers, of which one at a time is ended or stopped', async () => {
    await using pilot = await TestPilot.start({ nodes: 3, coresPerNode: 3, brokers: 3, storeSize: '512MiB' });
    const processes = ['instance', 'n1 nats-server', 'n2 nats-server', 'n3 nats-server', 'n2 agent', 'n1 gateway'];
    await checkDelivery(pilot, { seed: 1, seconds: 60, rate: 60, processes, pauseMsMax: 4_000, settleMs });
  }, 600_000);
});
