/** The same targets for ten minutes, with cases of today; the seed is printed, and a failing one is kept in seeds.json. */
import { it } from 'vitest';
import { fuzz } from './fuzz.ts';
import { targets } from './targets/index.ts';

/** Runs against those of `npm test`: together about ten minutes on two cores. */
const times = 20;
const seed = Number(process.env['PILOTFISH_FUZZ_SEED'] ?? Math.floor(Date.now() / 1_000));

it.each(targets)(
  '$name',
  async (target) => {
    console.log(`${target.name}: PILOTFISH_FUZZ_SEED=${seed}`);
    await fuzz(target, { seed, times });
  },
  900_000,
);
