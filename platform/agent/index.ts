/**
 * The agent: one a node. run-agent.ts wires it, agent.ts turns the wanted set into work, agent-service.ts is its gRPC face,
 * gatherers.ts has the triggers that one node at a time reads.
 *   instances/  processes: from a booted host to a loaded function, the calls inside each, and how they end
 *   versions/   which function versions are here, and which should be
 *   intakes/    a trigger's events, pulled by credit, each turned into a call
 *   events/     an event from its pull to its ack: deliveries, leases, attempts, results, dead letters
 *   packs/ order/ gather/ sources/
 *               events that come in packs, in line, put together from parts, by the clock or from files
 *   calls/      synchronous calls, off the gateway's line
 *   claims/     payloads that lie beside their events
 *   records/    what functions keep and tell: state, logs, metrics, scans
 *   node/       what the node says of itself
 *   traces/     spans
 */
export { type RunAgentOptions, type RunningAgent, runAgent } from './run-agent.ts';
