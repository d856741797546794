/** The W3C trace context of an event, which goes on with all that comes of it: results, retries, gathers, dead letters. */
import { headersOf, ownHeaders, type PulledEvent } from '#broker';
import { traceOf } from '#common';

/** Empty for an event without one. */
export function traceHeaders(event: PulledEvent): [string, string][] {
  return headersOf(event.message) ? traceOf(ownHeaders(event)) : [];
}
