/**
 * The gateway: one a pilot. run-gateway.ts wires it, take-over.ts makes it the one that acts, gateway-service.ts is its gRPC face.
 *   nodes/      the agents: who is there, what they report, whom to trust
 *   scaling/    look, decide, place, tell every node what it should run; canaries, too
 *   jobs/       nodes that come and go with scheduler jobs, and life beyond their walltime
 *   versions/   deployments: received, checked, registered
 *   calls/      synchronous calls, and stored ones
 *   events/     triggers, what waits at them, dead letters, and what may leave the streams
 *   claims/     payloads that lie beside their events, until nobody needs them
 *   access/     who may do what
 *   http/ pages/
 *               the door for HTTP, and what stands behind it
 *   observe/ metrics/
 *               what people see, and what is counted
 */
export { type RunningGateway, runGateway } from './run-gateway.ts';
