/** What the schedulers say about a pilot's jobs: one query a resource, however many jobs. */

import { type JobState, parseResource, type Scheduler, schedulerFor } from '../scheduler/index.ts';
import type { Block } from './blocks.ts';

export interface BlockState {
  readonly block: Block;
  /** Undefined for a block whose job the scheduler has not taken. */
  readonly state: JobState | undefined;
}

/** Throws `unavailable` when a scheduler does not answer: unknown is not ended. */
export async function readJobStates(
  blocks: readonly Block[],
  open: (resource: string) => Scheduler = (resource) => schedulerFor(parseResource(resource)),
): Promise<BlockState[]> {
  const byResource = Map.groupBy(blocks, ({ plan }) => plan.resource);
  const states = new Map<string, JobState>();
  for (const [resource, members] of byResource) {
    const ids = members.flatMap(({ job }) => job ?? []);
    for (const [id, state] of await open(resource).states(ids)) states.set(id, state);
  }
  return blocks.map((block) => ({ block, state: block.job === undefined ? undefined : states.get(block.job) }));
}

/** Milliseconds since 1970 when the block's walltime is over: the scheduler's word, else its start and what was asked for. */
export function endOf({ block, state }: BlockState): number | undefined {
  if (state?.endAtMs !== undefined) return state.endAtMs;
  const { walltimeMs } = block.plan.request;
  return block.startedAtMs === undefined || walltimeMs === undefined ? undefined : block.startedAtMs + walltimeMs;
}
