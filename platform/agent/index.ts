/**
 * The agent: one a node.
 *   run-agent.ts       wiring; agent.ts wanted set -> instances; reconcile.ts what to start and drain (pure)
 *   hosted-versions.ts  the versions here; hosted-version.ts one of them: function-pool.ts its instances and waiting calls, intakes.ts its triggers
 *   node-instances.ts  instance-starter.ts brings one up: host-pool.ts booted hosts, spawner-client.ts forks them;
 *   instance.ts one at work: instance-link.ts its socket, running-calls.ts what is inside, call-payloads.ts large bodies
 *   trigger-intake.ts  pull -> call; delivery.ts call -> outputs -> ack
 *   lease-keeper.ts    leases of held events; attempt-log.ts, dead-letter.ts what failed
 *   agent-service.ts   gRPC; invocation.ts synchronous calls; node-report.ts,
 *   node-usage.ts; registration.ts
 *   gather/            parts of a key, or events of a window, into one event, and back into a spool file
 *   sources/           events by the clock and from files: one owner each, under a lease
 */
export { type RunAgentOptions, type RunningAgent, runAgent } from './run-agent.ts';
