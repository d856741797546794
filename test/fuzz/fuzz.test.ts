/** What reads bytes from outside, given bytes that nobody should send. The same cases every time; see fuzz.long.test.ts for others. */
import { it } from 'vitest';
import { fuzz } from './fuzz.ts';
import { targets } from './targets/index.ts';

/** Another one: PILOTFISH_FUZZ_SEED=7 npm test -- fuzz */
const seed = Number(process.env['PILOTFISH_FUZZ_SEED'] ?? 20_260_101);

it.each(targets)('$name', (target) => fuzz(target, { seed, times: 1 }), 120_000);
