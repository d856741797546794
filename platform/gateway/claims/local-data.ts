/** Where the payloads lie that a function waits for. Pure. */
import { sharedPlace, streamPlace } from '#claims';
import { patternCovers } from '#model';

/** Events of a pattern behind a sequence. */
export interface Waiting {
  readonly pattern: string;
  readonly after: number;
}

/** Of an event and its payload. */
export interface PlacedPayload {
  readonly place: string;
  readonly subject: string;
  readonly sequence: number;
}

/** Node -> its share of the waited for payloads that lie on nodes; empty where none do. */
export function localShares(
  payloads: Iterable<PlacedPayload>,
  waiting: readonly Waiting[],
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  let all = 0;
  for (const { place, subject, sequence } of payloads) {
    if (place === sharedPlace || place === streamPlace) continue;
    if (!waiting.some(({ pattern, after }) => sequence > after && patternCovers(pattern, subject))) continue;
    counts.set(place, (counts.get(place) ?? 0) + 1);
    all++;
  }
  return new Map([...counts].map(([node, count]) => [node, count / all]));
}
