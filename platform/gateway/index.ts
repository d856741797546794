/**
 * The gateway: one a pilot.
 *   run-gateway.ts     wiring          gateway-service.ts  gRPC
 *   fleet.ts           the nodes       node-link.ts        one of them
 *   scaling-loop.ts    look, decide, place      wanted-sets.ts  tell the nodes
 *   deploy.ts invoke.ts logs.ts        what the methods do
 *   trimmer.ts         what may leave the event stream
 */
export { type RunningGateway, runGateway } from './run-gateway.ts';
