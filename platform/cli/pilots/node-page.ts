/** What `node describe` says, out of what the gateway knows. Pure. */
import { formatBytes, formatDuration } from '#common';
import type { Instance, Node, PilotJob } from '#proto';
import { nodeRecord } from '../output/function-record.ts';
import { ageText, countText, type PageSection } from '../output/output.ts';

export interface NodeFacts {
  readonly node: Node;
  /** The pilot's jobs; a pilot of this machine has none. */
  readonly jobs: readonly PilotJob[];
  readonly nowMs: number;
}

export function nodePage({ node, jobs, nowMs }: NodeFacts): { title: string; sections: PageSection[] } {
  const { id, state, address, version, slots, slotsUsed, memoryBytes, gpus, cpuUsed, memoryUsed, labels } = node;
  const { tier = 'unknown', enforced = [], notEnforced = [] } = node.isolation ?? {};
  const job = jobOf(node, jobs);
  return {
    title: `${id}: ${state}, at ${address}, pilotfish ${version}`,
    sections: [
      {
        title: 'Room',
        rows: [
          ['slots', `${slotsUsed} of ${slots} used`],
          ['cores', `${percent(cpuUsed)} busy, whoever uses them`],
          ['memory', `${percent(memoryUsed)} of the machine used; instances may have ${formatBytes(memoryBytes)}`],
          ...(gpus > 0 ? [['gpus', String(gpus)]] : []),
        ],
      },
      { title: 'Labels', rows: Object.entries(labels) },
      {
        title: 'Job',
        rows: job
          ? [
              ['job', `${job.job} (${job.block}), ${job.state}`],
              ['nodes', job.nodes.join(', ')],
              ['ends', job.endsAtMs === 0 ? 'at no time that is known' : `in ${leftText(job.endsAtMs, nowMs)}`],
            ]
          : [],
      },
      {
        title: `Isolation (${tier})`,
        rows: [
          ...enforced.map((what) => [what, 'enforced']),
          ...notEnforced.map((what) => [what, 'not enforced here']),
        ],
      },
      { title: 'Instances', rows: node.instances.map((instance) => instanceRow(instance, nowMs)) },
    ],
  };
}

export function nodePageRecord({ node, jobs }: NodeFacts): object {
  const job = jobOf(node, jobs);
  return {
    ...nodeRecord(node),
    job: job ? { block: job.block, job: job.job, state: job.state, endsAt: timeText(job.endsAtMs) } : null,
  };
}

function jobOf({ id }: Node, jobs: readonly PilotJob[]): PilotJob | undefined {
  return jobs.find(({ nodes }) => nodes.includes(id));
}

function timeText(ms: number): string | null {
  return ms === 0 ? null : new Date(ms).toISOString();
}

function leftText(endsAtMs: number, nowMs: number): string {
  return formatDuration(Math.max(0, endsAtMs - nowMs));
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function instanceRow(instance: Instance, nowMs: number): string[] {
  const { id, function: name, digest, state, busy, handled, pid, startedAtMs } = instance;
  const done = `${countText(handled)} handled`;
  return [name, id, digest.slice(0, 12), state, `${busy} busy`, done, `pid ${pid}`, ageText(startedAtMs, nowMs)];
}
