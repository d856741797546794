/**
 * The agent: one a node.
 *   run-agent.ts       wiring; agent.ts wanted set -> instances; reconcile.ts what to start and drain (pure)
 *   spawner-client.ts  forks instances; instance.ts one of them; function-pool.ts all of a version's
 *   intakes.ts         a trigger's events; trigger-intake.ts pull -> call; delivery.ts call -> outputs -> ack
 *   lease-keeper.ts    leases of held events; attempt-log.ts, dead-letter.ts what failed
 *   agent-service.ts   gRPC; invocation.ts synchronous calls; node-report.ts; registration.ts
 *   gather/            parts of a key into one event, and back into a spool file
 */
export { type RunAgentOptions, type RunningAgent, runAgent } from './run-agent.ts';
