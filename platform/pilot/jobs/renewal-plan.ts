/**
 * What to do next so that a pilot outlives the walltime of its job. Pure: the whole renewal is this function asked again
 * and again, so that a gateway that is killed in the middle is followed by one that goes on from what it sees.
 *
 *   wait -> submit -> (queue, join) -> place -> (streams move) -> hand-over -> retire -> wait
 */

/** A block whose nodes run the pilot's brokers, and stand by with a gateway. */
export interface BrokerBlock {
  readonly block: string;
  readonly endsAtMs: number | undefined;
  /** Its servers answer and its agents report. */
  readonly joined: boolean;
}

export interface RenewalView {
  readonly nowMs: number;
  /** Those whose jobs have neither ended nor been told to, oldest first. */
  readonly blocks: readonly BrokerBlock[];
  /** Block of the node on which this gateway acts. */
  readonly actingBlock: string;
  /** Streams that are not held by the newest block's servers alone; undefined while that cannot be told. */
  readonly strayStreams: number | undefined;
  /** The longest that a job of this pilot has waited in the queue. */
  readonly queueWaitMs: number;
}

export type RenewalStep =
  | { readonly kind: 'wait'; readonly why: string }
  /** A job like the acting block's is to follow it. */
  | { readonly kind: 'submit' }
  /** The streams are to move to this block. */
  | { readonly kind: 'place'; readonly block: string }
  /** This gateway is to end; one of the newest block follows. */
  | { readonly kind: 'hand-over' }
  /** Nothing needs this block any more. */
  | { readonly kind: 'retire'; readonly block: string };

/** From a successor's start to the old job's end: join, move some GB of streams, take over, drain. */
export const handOverMs = 60_000;
/** No queue is alike twice. */
const queueWaitFactor = 1.5;

export function decideRenewal(view: RenewalView): RenewalStep {
  const { blocks, actingBlock, strayStreams } = view;
  const newest = blocks.at(-1);
  if (!newest) return { kind: 'wait', why: 'no block with brokers is known' };
  const [oldest] = blocks;
  if (blocks.length === 1 || !oldest) return submitInTime(view, newest);
  if (!newest.joined) return { kind: 'wait', why: `block ${newest.block} has not joined` };
  if (strayStreams === undefined) return { kind: 'wait', why: 'the streams cannot be asked' };
  if (strayStreams > 0) return { kind: 'place', block: newest.block };
  // Only a gateway that does not end with the old block may end it.
  if (actingBlock !== newest.block) return { kind: 'hand-over' };
  return { kind: 'retire', block: oldest.block };
}

function submitInTime(view: RenewalView, { endsAtMs }: BrokerBlock): RenewalStep {
  if (endsAtMs === undefined) return { kind: 'wait', why: 'no end of the job is known' };
  const dueInMs = successorDueInMs(view, endsAtMs, handOverMs);
  if (dueInMs <= 0) return { kind: 'submit' };
  return { kind: 'wait', why: `a successor is due in ${Math.ceil(dueInMs / 1_000)} s` };
}

/** An extension's block: it holds no stream, so its successor only has to join. */
export interface ExtensionBlock {
  readonly block: string;
  /** Whose place it takes. */
  readonly follows: string | undefined;
  readonly renew: boolean;
  readonly endsAtMs: number | undefined;
  readonly joined: boolean;
}

export interface ExtensionView {
  readonly nowMs: number;
  /** Those whose jobs have neither ended nor been told to. */
  readonly blocks: readonly ExtensionBlock[];
  readonly queueWaitMs: number;
}

export type ExtensionStep =
  | Extract<RenewalStep, { kind: 'retire' }>
  | { readonly kind: 'follow'; readonly block: string };

/** From a successor's start until the old nodes have drained. */
export const joinMs = 30_000;

/** One step at most for each block: a successor in time, and its own end once that has joined. */
export function decideExtensions({ blocks, ...times }: ExtensionView): readonly ExtensionStep[] {
  return blocks.flatMap(({ block, renew, endsAtMs }): ExtensionStep[] => {
    const successor = blocks.find(({ follows }) => follows === block);
    if (successor) return successor.joined ? [{ kind: 'retire', block }] : [];
    const due = renew && endsAtMs !== undefined && successorDueInMs(times, endsAtMs, joinMs) <= 0;
    return due ? [{ kind: 'follow', block }] : [];
  });
}

function successorDueInMs(
  { nowMs, queueWaitMs }: Pick<RenewalView, 'nowMs' | 'queueWaitMs'>,
  endsAtMs: number,
  neededMs: number,
): number {
  return endsAtMs - queueWaitMs * queueWaitFactor - neededMs - nowMs;
}
