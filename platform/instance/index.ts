/**
 * The instance: one process, one function version, frames with its agent on fd 3.
 *   host.ts           the process: load, run, stop      load-function.ts  bundle -> definition
 *   call-context.ts   event and ctx of one call         spooled-parts.ts  a gathered event's parts
 *   send-result.ts    result -> frame
 */
export { runHost } from './host.ts';
