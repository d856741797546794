/**
 * A block: nodes that come with one scheduler job and go with it. A pilot is one block or several; each extension is a
 * block of its own, because that is what every scheduler can give back whole.
 *
 *   blocks/<b>/block.json   the plan, written once
 *   blocks/<b>/job          the scheduler job's id, once it was taken
 *   blocks/<b>/own-job      the same, written by the job
 *   blocks/<b>/job.sh, node.sh, output.log
 *   blocks/<b>/started      written by the job, seconds since 1970
 *   blocks/<b>/ended        seconds since 1970, once a gateway has seen the job's end
 *   blocks/<b>/retired      there once a successor holds gateway and streams: no gateway acts here any more
 *   blocks/<b>/stop         there once the block is to end
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PlatformError } from '#common';
import { makePrivateDirectory } from '#security';
import { nodePaths, pilotPaths } from '../files/home.ts';

const requestSchema = z.strictObject({
  nodes: z.int().positive(),
  coresPerNode: z.int().positive().optional(),
  memoryPerNodeBytes: z.int().positive().optional(),
  gpusPerNode: z.int().positive().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  walltimeMs: z.int().positive().optional(),
  queue: z.string().optional(),
  project: z.string().optional(),
  reservation: z.string().optional(),
  qos: z.string().optional(),
  constraint: z.string().optional(),
  directives: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  modules: z.array(z.string()).optional(),
});

export const blockPlanSchema = z.strictObject({
  pilot: z.string(),
  block: z.string(),
  resource: z.string(),
  request: requestSchema,
  /** Names of its nodes, in the order of their places in the job. */
  nodes: z.array(z.string()).min(1),
  pilotDirectory: z.string(),
  /** The staged copy of the platform. */
  stage: z.string(),
  /** Name or network (10.1.0.0/16) of the interface that other nodes reach; left off, the one of the host's name. */
  interface: z.string().optional(),
  storeBytes: z.int().positive(),
  /** Its first nodes run so many nats-servers, and the pilot has so many in all. */
  brokers: z.int().nonnegative(),
  pilotBrokers: z.int().positive(),
  /** Its first node runs the gateway. */
  gateway: z.boolean(),
  /** A successor follows before its walltime ends. */
  renew: z.boolean(),
  /** The block whose place it takes when that one's walltime ends. */
  follows: z.string().optional(),
  /** The gateway asked for it by itself, and gives it back by itself. */
  scaled: z.boolean().optional(),
  createdAtMs: z.int(),
});
export type BlockPlan = z.infer<typeof blockPlanSchema>;

export interface Block {
  readonly directory: string;
  readonly plan: BlockPlan;
  /** Undefined while the scheduler has not taken it. */
  readonly job: string | undefined;
  /** When its job began to run, milliseconds since 1970; a later run after a requeue replaces it. */
  readonly startedAtMs: number | undefined;
  /** When its job was seen to have ended. */
  readonly endedAtMs: number | undefined;
  readonly stopping: boolean;
}

const blocksMax = 999;
/** A submission takes a few commands, each of which is ended after 30 s. */
const submitMsMax = 120_000;

export function blockPaths(directory: string) {
  return {
    plan: join(directory, 'block.json'),
    job: join(directory, 'job'),
    ownJob: join(directory, 'own-job'),
    started: join(directory, 'started'),
    ended: join(directory, 'ended'),
    stop: join(directory, 'stop'),
    retired: join(directory, 'retired'),
    nodeScript: join(directory, 'node.sh'),
    output: join(directory, 'output.log'),
  };
}

/** Takes the next free block name and so many node names: making a directory is the claim, so two commands cannot share one. */
export function claimBlock(
  pilotDirectory: string,
  count: number,
): { directory: string; block: string; nodes: string[] } {
  const { blocks, nodes } = pilotPaths(pilotDirectory);
  makePrivateDirectory(blocks);
  makePrivateDirectory(nodes);
  const directory = claim(blocks, 'b');
  const names = Array.from({ length: count }, () => claim(nodes, 'n'));
  for (const node of names) makePrivateDirectory(nodePaths(node).logs);
  return {
    directory,
    block: directory.slice(blocks.length + 1),
    nodes: names.map((path) => path.slice(nodes.length + 1)),
  };
}

function claim(parent: string, letter: string): string {
  const taken = readdirSync(parent).flatMap((name) => Number(name.slice(letter.length)) || []);
  for (let number = Math.max(0, ...taken) + 1; number <= blocksMax; number++) {
    const path = join(parent, `${letter}${number}`);
    try {
      mkdirSync(path, { mode: 0o700 });
      return path;
    } catch (error) {
      // Somebody else's claim: the next one.
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
  throw new PlatformError('no-capacity', `the pilot has had ${blocksMax} ${letter === 'b' ? 'blocks' : 'nodes'}`, {
    hint: 'Bring up a new pilot.',
  });
}

/**
 * In the order in which they were made; none of a pilot on one machine. One that was never submitted, because the gateway or the
 * command that was about to do it was killed, would be waited for in vain: it is none. Should its job run after all, it is one again.
 */
export function listBlocks(pilotDirectory: string, nowMs = Date.now()): Block[] {
  const { blocks } = pilotPaths(pilotDirectory);
  if (!existsSync(blocks)) return [];
  return readdirSync(blocks)
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .flatMap((name) => readBlock(join(blocks, name)) ?? [])
    .filter(({ job, plan }) => job !== undefined || nowMs - plan.createdAtMs <= submitMsMax);
}

/** Undefined while its plan is not written. */
export function readBlock(directory: string): Block | undefined {
  const paths = blockPaths(directory);
  const plan = blockPlanSchema.safeParse(parseJson(readText(paths.plan)));
  if (!plan.success) return undefined;
  return {
    directory,
    plan: plan.data,
    job: readText(paths.job) || readText(paths.ownJob) || undefined,
    startedAtMs: readTime(paths.started),
    endedAtMs: readTime(paths.ended),
    stopping: existsSync(paths.stop),
  };
}

/** True where a successor has taken over; never on one machine. */
export function isRetired(pilotDirectory: string, block: string | undefined): boolean {
  return block !== undefined && existsSync(blockPaths(join(pilotPaths(pilotDirectory).blocks, block)).retired);
}

/** How long the job waited in the queue, from its submission to its first start. */
export function queueWaitMs({ directory, startedAtMs }: Block): number | undefined {
  if (startedAtMs === undefined) return undefined;
  try {
    return Math.max(0, startedAtMs - statSync(blockPaths(directory).job).mtimeMs);
  } catch {
    // The id is about to be written.
    return undefined;
  }
}

/** Of all jobs that the pilot has had: no queue is alike twice. */
export function longestQueueWaitMs(blocks: readonly Block[]): number {
  return Math.max(0, ...blocks.map((block) => queueWaitMs(block) ?? 0));
}

/** Seconds since 1970, with nine digits after the point, as whole milliseconds: times go into whole numbers on the wire. */
function readTime(path: string): number | undefined {
  const ms = Math.round(Number(readText(path)) * 1_000);
  return ms > 0 ? ms : undefined;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    // Not there yet.
    return '';
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not written yet.
    return undefined;
  }
}
