/**
 * What may leave the event stream (R8, G10). Pure. Three rules:
 *  1. A message goes once every trigger that matches it is done with it: a plain trigger by its consumer's ack floor, a
 *     gather by its watermark and its closed keys; a key that is finished goes by its own subject, ahead of older open ones.
 *  2. Nothing goes before it is older than the duplicate window. A server that was killed knows the ids of stored
 *     messages only, and any subject may carry a function's outputs: an output that had gone would be stored twice when
 *     its input is delivered again (R3), and so would a source's event whose PubAck was lost.
 *  3. Results that no trigger matches stay, until the stream is nearly full; then the oldest declared outputs go.
 */
import { patternCovers, patternsOverlap } from '#model';

export interface PlainTrimTrigger {
  readonly kind: 'plain';
  /** Subject with wildcards as users write it, here and below. */
  readonly pattern: string;
  /** Undefined when the consumer cannot be read: then nothing it may need goes. */
  readonly lag: { readonly pending: number; readonly ackPending: number; readonly ackFloor: number } | undefined;
}

export interface GatherTrimTrigger {
  readonly kind: 'gather';
  readonly pattern: string;
  /** Undefined: nothing is known of its gatherer, so nothing it may need goes. */
  readonly watermark: number | undefined;
  /** Every closed key whose gather event is stored. */
  readonly keys: readonly ClosedSpan[];
}

export interface ClosedSpan {
  readonly subject: string;
  readonly first: number;
  readonly last: number;
  /** Its gather event is acked, and no dead letter pins the parts (G10). */
  readonly finished: boolean;
}

export interface TrimSnapshot {
  readonly triggers: readonly (PlainTrimTrigger | GatherTrimTrigger)[];
  /** Declared output subjects as patterns. */
  readonly outputs: readonly string[];
  /** The stream's state, read before the triggers'. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly bytes: number;
  readonly bytesMax: number;
  /** Every message before this sequence is older than the duplicate window. */
  readonly agedBefore: number;
}

/** Messages of `filter` before the sequence `before` go. */
export interface Trim {
  readonly filter: string;
  readonly before: number;
}

/** Above this share of its bytes, results that nobody reads make room. */
const fullShare = 0.8;
/** They go by this part of what may go, round by round, until the share is reached. */
const resultsShare = 0.1;
/** Finished keys released in one round; the others follow in the next ones. */
export const keyTrimsMax = 256;

export function decideTrims(snapshot: TrimSnapshot): Trim[] {
  const { triggers, agedBefore, firstSequence } = snapshot;
  const trims = new Map<string, number>();
  for (const pattern of new Set(triggers.map((trigger) => trigger.pattern))) {
    trims.set(pattern, Math.min(doneBefore(pattern, snapshot), agedBefore));
  }
  for (const { filter, before } of finishedKeys(snapshot)) trims.set(filter, Math.max(before, trims.get(filter) ?? 0));
  for (const { filter, before } of unreadResults(snapshot)) trims.set(filter, before);
  return [...trims].flatMap(([filter, before]) => (before > firstSequence ? [{ filter, before }] : []));
}

/** First sequence that some trigger may still need of the messages that match `filter`. */
function doneBefore(filter: string, { triggers, lastSequence }: TrimSnapshot): number {
  let before = Number.POSITIVE_INFINITY;
  for (const trigger of triggers) {
    if (!patternsOverlap(trigger.pattern, filter)) continue;
    const own = trigger.kind === 'plain' ? plainDoneBefore(trigger, lastSequence) : gatherDoneBefore(trigger, filter);
    before = Math.min(before, own);
  }
  return before;
}

/** A consumer's ack floor stands at its own last message: with nothing left to do, all that was stored before is done. */
function plainDoneBefore({ lag }: PlainTrimTrigger, lastSequence: number): number {
  if (lag === undefined) return 0;
  const idle = lag.pending === 0 && lag.ackPending === 0;
  return (idle ? Math.max(lag.ackFloor, lastSequence) : lag.ackFloor) + 1;
}

function gatherDoneBefore(trigger: GatherTrimTrigger, filter: string): number {
  let before = neededFrom(trigger);
  // A finished key needs none of its messages; those are all that match its subject, up to its last.
  for (const { subject, last, finished } of trigger.keys) {
    if (finished && last >= before && patternCovers(subject, filter)) before = last + 1;
  }
  return before;
}

/** First message of any key that is open or not finished. */
function neededFrom({ watermark, keys }: GatherTrimTrigger): number {
  let from = watermark ?? 0;
  for (const { first, finished } of keys) if (!finished && first < from) from = first;
  return from;
}

function finishedKeys(snapshot: TrimSnapshot): Trim[] {
  const { triggers, agedBefore } = snapshot;
  const trims: Trim[] = [];
  for (const trigger of triggers) {
    if (trigger.kind !== 'gather') continue;
    const from = neededFrom(trigger);
    for (const { subject, last, finished } of trigger.keys) {
      if (trims.length >= keyTrimsMax) return trims;
      // Below the floor the trigger's own pattern covers it; too young, it waits for its last message.
      if (!finished || last < from || last >= agedBefore) continue;
      if (doneBefore(subject, snapshot) > last) trims.push({ filter: subject, before: last + 1 });
    }
  }
  return trims;
}

function unreadResults({ outputs, triggers, bytes, bytesMax, agedBefore, firstSequence }: TrimSnapshot): Trim[] {
  if (bytesMax <= 0 || bytes < bytesMax * fullShare) return [];
  const unread = outputs.filter((output) => !triggers.some(({ pattern }) => patternsOverlap(pattern, output)));
  const before = firstSequence + Math.ceil((agedBefore - firstSequence) * resultsShare);
  return unread.map((filter) => ({ filter, before }));
}
