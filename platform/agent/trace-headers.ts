/** The W3C trace context of an event, which goes on with all that comes of it: results, retries, gathers, dead letters. */
import { headersOf, ownHeaders, type PulledEvent } from '#broker';

export const traceNames = ['traceparent', 'tracestate'] as const;

/** Empty for an event without one. */
export function traceHeaders(event: PulledEvent): [string, string][] {
  return headersOf(event.message) ? traceOf(ownHeaders(event)) : [];
}

export function traceOf(headers: Readonly<Record<string, string>>): [string, string][] {
  return traceNames.flatMap((name): [string, string][] => {
    const value = headers[name];
    return value === undefined ? [] : [[name, value]];
  });
}
