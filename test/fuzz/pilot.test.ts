/** The doors of a real pilot, given what nobody should send; afterwards its processes are the same, no larger, and answer. */
import { afterAll, beforeAll, it } from 'vitest';
import { fuzz } from './fuzz.ts';
import { FuzzPilot, pilotTargets } from './pilot/index.ts';

const seed = Number(process.env['PILOTFISH_FUZZ_SEED'] ?? 20_260_101);
let pilot: FuzzPilot;
beforeAll(async () => {
  pilot = await FuzzPilot.start();
});
afterAll(() => pilot?.close());

it.each(pilotTargets)('%s', (_name, target) => fuzz(target(pilot), { seed, times: 1 }), 180_000);
