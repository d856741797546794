/** The pilot's scheduler jobs with their ends; on one machine, where there is none, its nodes are shown as one. */
import type { PilotJob } from '#proto';
import type { Fleet } from '../nodes/fleet.ts';
import type { JobWatch } from '../nodes/job-watch.ts';

export function pilotJobs(fleet: Fleet, jobs: Pick<JobWatch, 'states' | 'endOf'>): PilotJob[] {
  if (jobs.states.length === 0) return [localJob(fleet)];
  return jobs.states.map(({ block, state }) => ({
    block: block.plan.block,
    job: block.job ?? '',
    state: state?.word ?? 'unknown',
    nodes: [...block.plan.nodes],
    startedAtMs: block.startedAtMs ?? 0,
    endsAtMs: jobs.endOf(block.plan.nodes[0] ?? '') ?? 0,
  }));
}

function localJob(fleet: Fleet): PilotJob {
  const links = fleet.placeable();
  const ends = links.flatMap(({ endsAtMs, entry }) => endsAtMs ?? entry.endsAt ?? []);
  return {
    block: '',
    job: '',
    state: 'local',
    nodes: links.map(({ entry }) => entry.node),
    startedAtMs: Math.min(...links.map(({ entry }) => entry.startedAt), Number.MAX_SAFE_INTEGER),
    endsAtMs: ends.length > 0 ? Math.min(...ends) : 0,
  };
}
