/** The gather event: a closed key as the function's consumer gets it, JSON by reference to the stream (G4). */
import { PlatformError } from '#common';
import { packMembersMax } from '#packs';
import type { GatherRules } from './gather-rules.ts';
import { gatherEventBytesMax, partsPerKeyMax } from './limits.ts';
import type { ClosedKey, CloseReason } from './open-key.ts';
import { decodeSequences } from './sequence-codec.ts';

/** What a gather event's headers tell without its payload: enough to know the key's messages and how it ended. */
export const gatherHeaders = {
  /** Subject of the parts as users write it. */
  subject: 'Pilotfish-Parts-Subject',
  /** "<first>-<last>": sequences of the key's first and last message. */
  span: 'Pilotfish-Parts-Span',
  /** "<reason>:<closedAt>" */
  closed: 'Pilotfish-Parts-Closed',
  /** Of a window whose last event is a member of a pack: its place. */
  last: 'Pilotfish-Window-Last',
  /** Of a window by count: first place that later windows of its key may hold. */
  next: 'Pilotfish-Window-Next',
  /** Doubles among the messages from there on. */
  skips: 'Pilotfish-Window-Skips',
  /** Of a window by time: the latest of its key's own times when it closed. */
  clock: 'Pilotfish-Window-Clock',
  /** Of a streaming gather: its function is called by another event, published when the key opened. */
  streamed: 'Pilotfish-Parts-Streamed',
  /** Why the event must be dead-lettered instead of handled; absent where it is to be handled. */
  refusal: 'Pilotfish-Parts-Refusal',
} as const;

export interface GatherEvent extends ClosedKey {
  readonly v: 1;
  readonly stream: string;
}

const reasons: ReadonlySet<string> = new Set<CloseReason>(['complete', 'gap', 'timeout', 'storage']);

export function encodeGatherEvent(closed: ClosedKey, stream: string): Uint8Array {
  const event: GatherEvent = { v: 1, stream, ...closed };
  const bytes = Buffer.from(JSON.stringify(event));
  if (bytes.length <= gatherEventBytesMax) return bytes;
  // Which indexes are missing follows from the parts themselves; the counts stay.
  return Buffer.from(JSON.stringify({ ...event, missing: {} }));
}

export function gatherHeaderPairs(
  closed: ClosedKey,
  rules: Pick<GatherRules, 'onIncomplete'> & Partial<Pick<GatherRules, 'streaming'>>,
): [string, string][] {
  const refused = closed.reason !== 'complete' && rules.onIncomplete === 'dlq';
  return [
    [gatherHeaders.subject, closed.subject],
    [gatherHeaders.span, `${closed.first}-${closed.last}`],
    [gatherHeaders.closed, `${closed.reason}:${closed.closedAt}`],
    ...(closed.window?.last === undefined
      ? []
      : [[gatherHeaders.last, String(closed.window.last)] satisfies [string, string]]),
    ...(closed.window?.next === undefined
      ? []
      : [[gatherHeaders.next, String(closed.window.next)] satisfies [string, string]]),
    ...(closed.window?.skips === undefined
      ? []
      : [[gatherHeaders.skips, closed.window.skips.join(' ')] satisfies [string, string]]),
    ...(closed.window?.clockMs === undefined
      ? []
      : [[gatherHeaders.clock, String(closed.window.clockMs)] satisfies [string, string]]),
    ...(closed.trace ?? []).map(([name, value]): [string, string] => [name, value]),
    ...(rules.streaming ? [[gatherHeaders.streamed, '1'] satisfies [string, string]] : []),
    ...(refused ? [[gatherHeaders.refusal, `incomplete:${closed.reason}`] satisfies [string, string]] : []),
  ];
}

/** A gather event's headers read back; undefined where they are not those of one. */
export interface GatherSummary {
  readonly subject: string;
  readonly first: number;
  readonly last: number;
  readonly reason: CloseReason;
  readonly closedAtMs: number;
  /** Its function was called when the key opened. */
  readonly streamed?: true;
  /** Of a window: place of its last event, where that is a member of a pack. */
  readonly lastPlace?: number;
  /** Of a window by count. */
  readonly next?: number;
  readonly skips?: readonly number[];
  /** Of a window by time. */
  readonly clockMs?: number;
}

const placePattern = /^\d+(?:\.\d+)?$/;

export function parseGatherHeaders(headers: Readonly<Record<string, string>>): GatherSummary | undefined {
  const span = /^(\d+)-(\d+)$/.exec(headers[gatherHeaders.span] ?? '');
  const closed = /^([a-z]+):(\d+)$/.exec(headers[gatherHeaders.closed] ?? '');
  const subject = headers[gatherHeaders.subject];
  if (!span || !closed || !subject || !isReason(closed[1])) return undefined;
  const next = placePattern.exec(headers[gatherHeaders.next] ?? '');
  const lastPlace = placePattern.exec(headers[gatherHeaders.last] ?? '');
  const clock = /^\d+$/.exec(headers[gatherHeaders.clock] ?? '');
  return {
    subject,
    first: Number(span[1]),
    last: Number(span[2]),
    reason: closed[1],
    closedAtMs: Number(closed[2]),
    ...(headers[gatherHeaders.streamed] ? { streamed: true } : {}),
    ...(lastPlace ? { lastPlace: Number(lastPlace[0]) } : {}),
    ...(next ? { next: Number(next[0]) } : {}),
    ...(headers[gatherHeaders.skips] ? { skips: headers[gatherHeaders.skips]?.split(' ').map(Number) ?? [] } : {}),
    ...(clock ? { clockMs: Number(clock[0]) } : {}),
  };
}

/** The event with its sequences decoded, or the places of a window's events. Throws `corrupt` for what is not a gather event of a version known here. */
export function decodeGatherEvent(payload: Uint8Array): { event: GatherEvent; sequences: number[] } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8'));
  } catch (error) {
    throw new PlatformError('corrupt', 'a gather event is not JSON', { cause: error });
  }
  if (!isGatherEvent(parsed)) throw new PlatformError('corrupt', 'a gather event is of an unknown version or form');
  const { sequences, places = 1 } = parsed;
  return { event: parsed, sequences: decodeSequences(sequences, partsPerKeyMax).map((each) => each / places) };
}

/** Missing indexes one by one, as functions see them. */
export function expandMissing(missing: ClosedKey['missing']): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(missing).map(([kind, ranges]) => [
      kind,
      ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => first + at)),
    ]),
  );
}

function isReason(text: string | undefined): text is CloseReason {
  return text !== undefined && reasons.has(text);
}

function isGatherEvent(value: unknown): value is GatherEvent {
  if (typeof value !== 'object' || value === null) return false;
  const event = value as Partial<Record<keyof GatherEvent, unknown>>;
  return (
    event.v === 1 &&
    typeof event.sequences === 'string' &&
    typeof event.subject === 'string' &&
    typeof event.key === 'string' &&
    (event.places === undefined || event.places === packMembersMax)
  );
}
