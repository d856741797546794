/** As pilot.test.ts, with many more cases, and those of today. */
import { afterAll, beforeAll, it } from 'vitest';
import { fuzz } from './fuzz.ts';
import { FuzzPilot, pilotTargets } from './pilot/index.ts';

const times = 20;
const seed = Number(process.env['PILOTFISH_FUZZ_SEED'] ?? Math.floor(Date.now() / 1_000));
let pilot: FuzzPilot;
beforeAll(async () => {
  pilot = await FuzzPilot.start();
});
afterAll(() => pilot?.close());

it.each(pilotTargets)(
  '%s',
  async (name, target) => {
    console.log(`${name}: PILOTFISH_FUZZ_SEED=${seed}`);
    await fuzz(target(pilot), { seed, times });
  },
  900_000,
);
