/** Asks the scheduler for a block: claims its names, writes its plan and scripts, submits its job. */
import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writePrivate } from '#security';
import { nodePaths, pilotPaths } from '../files/home.ts';
import { type NodeRequest, parseResource, renderNodeScript, type Scheduler, schedulerFor } from '../scheduler/index.ts';
import { type Block, type BlockPlan, blockPaths, claimBlock, listBlocks, readBlock } from './blocks.ts';

export type BlockOrder = Omit<BlockPlan, 'block' | 'nodes' | 'createdAtMs' | 'request'> & {
  readonly request: NodeRequest;
};

/** Throws what the scheduler says, with nothing left behind, when it refuses. */
export async function startBlock(
  order: BlockOrder,
  scheduler = schedulerFor(parseResource(order.resource)),
): Promise<Block> {
  const { pilotDirectory, request } = order;
  const { directory, block, nodes } = claimBlock(pilotDirectory, request.nodes);
  const paths = blockPaths(directory);
  try {
    const plan: BlockPlan = { ...order, request: plainRequest(request), block, nodes, createdAtMs: Date.now() };
    writePrivate(paths.plan, JSON.stringify(plan, undefined, 2));
    const logFiles = nodes.map((node) => nodePaths(join(pilotPaths(pilotDirectory).nodes, node)).log('launcher'));
    const { stage } = order;
    writePrivate(
      paths.nodeScript,
      renderNodeScript({ stage, digest: basename(stage), blockDirectory: directory, logFiles }),
    );
    const job = await scheduler.submit({
      ...request,
      name: `${order.pilot}-${block}`,
      directory,
      outputFile: paths.output,
      nodeScript: paths.nodeScript,
      // Addresses of servers that have ended must not be taken for those that are about to start.
      staleFiles: nodes.slice(0, order.brokers).map((node) => pilotPaths(pilotDirectory).broker(node)),
      otherJobs: listBlocks(pilotDirectory).flatMap((other) => (other.stopping ? [] : (other.job ?? []))),
    });
    writePrivate(paths.job, `${job}\n`);
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    for (const node of nodes) rmSync(join(pilotPaths(pilotDirectory).nodes, node), { recursive: true, force: true });
    throw error;
  }
  const started = readBlock(directory);
  if (!started) throw new Error(`the plan of ${directory} cannot be read again`);
  return started;
}

/** The scheduler of a block; one object for blocks of one resource would save nothing. */
export function schedulerOf({ plan }: Block): Scheduler {
  return schedulerFor(parseResource(plan.resource));
}

/** Without what was left undefined: the plan is strict JSON. */
function plainRequest(request: NodeRequest): BlockPlan['request'] {
  return JSON.parse(JSON.stringify(request)) as BlockPlan['request'];
}
