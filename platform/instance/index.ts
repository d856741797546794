/**
 * The instance: one process, one function version, frames with its agent on fd 3.
 *   host.ts           the process: load, run, stop      load-function.ts  bundle -> definition
 *   call-context.ts   event and ctx of one call         spooled-parts.ts  a gathered event's parts
 *   send-result.ts    result -> frame                   host-log.ts       lines, bounded
 *   publish-client.ts, state-client.ts   ctx.publish and ctx.state, by way of the agent
 */
export { runHost } from './host.ts';
