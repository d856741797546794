/** When and why a pilot ended: launchers leave a last word, schedulers have theirs. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PlatformError } from '#common';
import { writePrivate } from '#security';
import { nodePaths, pilotPaths } from '../files/home.ts';
import type { PilotSummary } from '../pilot-summary.ts';
import { isScheduled } from '../resource.ts';
import { listBlocks } from './blocks.ts';
import { type BlockState, readJobStates } from './job-states.ts';

const endSchema = z.object({ atMs: z.number(), why: z.string() });
export type NodeEnd = z.infer<typeof endSchema>;

export function writeEnd(nodeDirectory: string, end: NodeEnd): void {
  try {
    // `down` may have removed the directory already.
    if (existsSync(nodeDirectory)) writePrivate(nodePaths(nodeDirectory).end, JSON.stringify(end));
  } catch {
    // A disk that takes nothing more: then the end is known without its reason.
  }
}

/** A launcher that starts once more has not ended. */
export function forgetEnd(nodeDirectory: string): void {
  rmSync(nodePaths(nodeDirectory).end, { force: true });
}

/** Undefined for a pilot that has not ended, as far as files and schedulers tell. */
export async function describeEnd(
  { pilot, directory, resource, state }: PilotSummary,
  readStates: typeof readJobStates = readJobStates,
): Promise<PlatformError | undefined> {
  if (isScheduled(resource)) {
    const head = endedHead(await readStates(listBlocks(directory)).catch(() => []));
    return head && jobEnded(head, directory);
  }
  if (state !== 'stopped') return undefined;
  const end = lastEnd(directory);
  return pilotEnded(pilot, end?.atMs, end?.why ?? 'its processes were killed, or the machine was started anew');
}

/** The last of the jobs that hold gateway and brokers, once all have ended: nobody else can have them. */
export function endedHead(states: readonly BlockState[]): BlockState | undefined {
  const heads = states.filter(({ block: { plan } }) => plan.gateway || plan.brokers > 0);
  return heads.every(({ state }) => state?.phase === 'ended') ? heads.at(-1) : undefined;
}

/** The scheduler's word first, then the launchers': "its job 12 is timeout: its launcher got SIGTERM". */
export function jobEnded({ block, state }: BlockState, pilotDirectory = block.plan.pilotDirectory): PlatformError {
  const { pilot } = block.plan;
  const end = lastEnd(pilotDirectory);
  const word = `its job ${block.job} is ${(state?.word ?? 'gone').toLowerCase()}`;
  return pilotEnded(pilot, state?.endAtMs ?? block.endedAtMs ?? end?.atMs, end ? `${word}, ${end.why}` : word);
}

export function pilotEnded(
  pilot: string,
  atMs: number | undefined,
  why: string,
  { hint = `Its logs: pilotfish pilot logs. Remove what is left: pilotfish down ${pilot}` } = {},
): PlatformError {
  const when = atMs === undefined ? 'has ended' : `ended at ${new Date(atMs).toISOString()}`;
  return new PlatformError('unavailable', `pilot ${pilot} ${when}: ${why}`, { hint });
}

/** Nodes end one after the other: the latest word counts. */
function lastEnd(pilotDirectory: string): NodeEnd | undefined {
  const { nodes } = pilotPaths(pilotDirectory);
  const names = existsSync(nodes) ? readdirSync(nodes) : [];
  const ends = names.flatMap((node) => readEnd(nodePaths(join(nodes, node)).end) ?? []);
  return ends.sort((a, b) => a.atMs - b.atMs).at(-1);
}

function readEnd(path: string): NodeEnd | undefined {
  try {
    return endSchema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    // The node has not ended, or was killed before it could say so.
    return undefined;
  }
}
