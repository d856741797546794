/** The state of a pilot in scheduler jobs: at a glance from its files, or truly, by asking the schedulers. */
import { existsSync } from 'node:fs';
import { pilotPaths } from '../files/home.ts';
import type { PilotState, PilotSummary } from '../pilot-summary.ts';
import type { JobPhase } from '../scheduler/index.ts';
import { type Block, listBlocks } from './blocks.ts';
import { readJobStates } from './job-states.ts';

export interface BlockSummary {
  readonly state: PilotState;
  readonly nodes: number;
  readonly nodesAlive: number;
  readonly slots: number;
}

/** What files tell: nothing is asked, so a job that was killed still seems to run. */
export function summarizeFiles(pilotDirectory: string): BlockSummary {
  const blocks = listBlocks(pilotDirectory);
  return summarize(
    pilotDirectory,
    blocks.map((block) => ({ block, phase: phaseByFiles(block) })),
  );
}

/** Throws `unavailable` where a scheduler does not answer. */
export async function askSchedulers(pilot: PilotSummary): Promise<PilotSummary> {
  const states = await readJobStates(listBlocks(pilot.directory));
  const phases = states.map(({ block, state }) => ({ block, phase: state?.phase ?? phaseByFiles(block) }));
  return { ...pilot, ...summarize(pilot.directory, phases) };
}

function phaseByFiles({ job, startedAtMs }: Block): JobPhase {
  if (job === undefined || startedAtMs === undefined) return 'queued';
  return 'running';
}

function summarize(
  pilotDirectory: string,
  blocks: readonly { readonly block: Block; readonly phase: JobPhase }[],
): BlockSummary {
  const living = blocks.filter(({ phase, block }) => phase !== 'ended' && !block.stopping);
  const count = (some: typeof blocks) => some.reduce((sum, { block }) => sum + block.plan.nodes.length, 0);
  const running = living.filter(({ phase }) => phase !== 'queued');
  return {
    state: stateOf(living, existsSync(pilotPaths(pilotDirectory).connection)),
    nodes: count(living),
    nodesAlive: count(running),
    slots: running.reduce(
      (sum, { block }) => sum + block.plan.nodes.length * (block.plan.request.coresPerNode ?? 0),
      0,
    ),
  };
}

function stateOf(
  living: readonly { readonly block: Block; readonly phase: JobPhase }[],
  connected: boolean,
): PilotState {
  if (living.length === 0) return 'stopped';
  // Any of them may hold gateway and streams, the first one or a successor.
  const heads = living.filter(({ block }) => block.plan.brokers > 0);
  if (heads.length === 0) return 'broken';
  if (heads.every(({ phase }) => phase === 'queued')) return 'queued';
  return connected ? 'running' : 'starting';
}
