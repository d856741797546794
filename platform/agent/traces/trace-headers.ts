/** The W3C trace context of an event, which goes on with all that comes of it: results, retries, gathers, dead letters. */
import { ownHeaders, type PulledEvent } from '#broker';
import { traceOf } from '#common';

/** Empty for an event without one. */
export function traceHeaders(event: PulledEvent): [string, string][] {
  return traceOf(ownHeaders(event));
}
