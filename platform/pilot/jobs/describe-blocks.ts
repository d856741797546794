/** A pilot's jobs as people and programs see them. */
import { messageOf } from '#common';
import { listBlocks, queueWaitMs } from './blocks.ts';
import { type BlockState, endOf, readJobStates } from './job-states.ts';

export interface BlockReport {
  readonly block: string;
  readonly job: string | null;
  readonly nodes: readonly string[];
  /** The scheduler's own word; "unknown" while it does not answer. */
  readonly state: string;
  readonly reason: string;
  /** ISO 8601, or null where nobody knows. */
  readonly startedAt: string | null;
  readonly endsAt: string | null;
  readonly queueWaitMs: number | null;
}

/** `onSilence` is told when a scheduler does not answer; files tell the rest. */
export async function describeBlocks(pilotDirectory: string, onSilence: (why: string) => void): Promise<BlockReport[]> {
  const blocks = listBlocks(pilotDirectory);
  const states = await readJobStates(blocks).catch((error: unknown): BlockState[] => {
    onSilence(messageOf(error));
    return blocks.map((block) => ({ block, state: undefined }));
  });
  return states.map((each) => {
    const { block, state } = each;
    const end = endOf(each);
    return {
      block: block.plan.block,
      job: block.job ?? null,
      nodes: block.plan.nodes,
      state: state?.word ?? 'unknown',
      reason: state?.reason ?? '',
      startedAt: isoTime(block.startedAtMs),
      endsAt: isoTime(end),
      queueWaitMs: queueWaitMs(block) ?? null,
    };
  });
}

function isoTime(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
