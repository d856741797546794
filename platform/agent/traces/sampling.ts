/** Which events are traced: what a source has decided stands, and of the others a share, the same at every delivery. */
import { createHash } from 'node:crypto';
import { parseTraceparent } from '#common';

/** An event as far as its trace goes. */
export interface TraceOrigin {
  readonly stream: string;
  readonly sequence: number;
  /** Its name in the stream: a member of a pack shares its sequence with the others. */
  readonly name: string | number;
  readonly headers: Readonly<Record<string, string>>;
}

export interface TracePlace {
  readonly traceId: string;
  /** The span that caused the event; left off where the trace begins here. */
  readonly parentId?: string;
  readonly traceState?: string;
}

/** Results of functions carry it: one without a trace comes of an event that was not traced, and is none either. */
export const versionHeader = 'Pilotfish-Version';

/** Undefined for an event that is not traced. `seed` tells pilots apart. */
export function placeInTrace({ stream, sequence, name, headers }: TraceOrigin, ratio: number, seed: string) {
  const given = headers['traceparent'];
  const parent = given === undefined ? undefined : parseTraceparent(given);
  if (parent) {
    const { traceId, spanId: parentId, sampled } = parent;
    const traceState = headers['tracestate'];
    return sampled ? { traceId, parentId, ...(traceState === undefined ? {} : { traceState }) } : undefined;
  }
  if (headers[versionHeader] !== undefined || !isInShare(sequence, ratio)) return undefined;
  // All triggers and all attempts of an event are one trace.
  const traceId = createHash('sha256').update(`${seed}.${stream}.${name}`).digest('hex').slice(0, 32);
  return { traceId } satisfies TracePlace as TracePlace;
}

/** Sequences are spread evenly over [0, 1): the golden ratio's multiples are. */
export function isInShare(sequence: number, ratio: number): boolean {
  return (sequence * 0.618_033_988_749_894_9) % 1 < ratio;
}
