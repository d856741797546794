/** What is fuzzed at a real pilot, one file each. */
import type { FuzzTarget } from '../fuzz.ts';
import { foreign } from './foreign.ts';
import type { FuzzPilot } from './fuzz-pilot.ts';
import { grpc } from './grpc.ts';
import { http } from './http.ts';
import { natsHeaders } from './nats-headers.ts';

export { FuzzPilot } from './fuzz-pilot.ts';
export const pilotTargets: readonly (readonly [string, (pilot: FuzzPilot) => FuzzTarget])[] = [
  ['grpc', grpc],
  ['http', http],
  ['nats-headers', natsHeaders],
  ['foreign', foreign],
];
