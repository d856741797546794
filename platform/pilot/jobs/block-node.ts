/** On a node of a scheduler job: what this node is, from its block's plan, its place in the job and what was granted here. */
import { lookup } from 'node:dns/promises';
import { appendFileSync } from 'node:fs';
import { availableParallelism, hostname, networkInterfaces, totalmem } from 'node:os';
import { join } from 'node:path';
import { PlatformError } from '#common';
import type { NodeConfig } from '#model';
import { writePrivate } from '#security';
import { readClaims } from '../files/claims.ts';
import { nodePaths, pilotPaths } from '../files/home.ts';
import { failedProgress, type LauncherProgress } from '../files/progress.ts';
import { parseResource } from '../scheduler/index.ts';
import { type Block, type BlockPlan, readBlock } from './blocks.ts';
import { chooseAddress } from './node-address.ts';
import { type Grant, readGrant } from './node-grant.ts';

export interface BlockNodeOptions {
  readonly blockDirectory: string;
  /** From 0. */
  readonly index: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Writes the node's configuration and returns it. Throws `invalid` for a place the plan does not have, or an interface the node does not. */
export async function openBlockNode({ blockDirectory, index, env }: BlockNodeOptions): Promise<NodeConfig> {
  const block = readBlock(blockDirectory);
  const node = block?.plan.nodes[index];
  if (!block || node === undefined)
    throw new PlatformError('invalid', `${blockDirectory} has no node at place ${index}`);
  const nodeDirectory = join(pilotPaths(block.plan.pilotDirectory).nodes, node);
  try {
    const config = await configure(block, index, nodeDirectory, readGrant(env));
    writePrivate(nodePaths(nodeDirectory).config, JSON.stringify(config, undefined, 2));
    return config;
  } catch (error) {
    // Nobody reads this node's own words yet.
    tellProgress({ nodeDirectory }, failedProgress(error, nodePaths(nodeDirectory).log('launcher')));
    throw error;
  }
}

async function configure(
  { plan, startedAtMs }: Block,
  index: number,
  nodeDirectory: string,
  grant: Grant,
): Promise<NodeConfig> {
  const { request } = plan;
  const memoryBytes = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  const gpus = request.gpusPerNode ?? grant.gpus;
  return {
    pilot: plan.pilot,
    node: plan.nodes[index] ?? '',
    block: plan.block,
    host: chooseAddress({ interfaces: networkInterfaces(), wanted: plan.interface, named: await ownAddresses() }),
    slots: request.coresPerNode ?? grant.slots ?? availableParallelism(),
    memoryBytes: Math.min(memoryBytes, request.memoryPerNodeBytes ?? grant.memoryBytes ?? memoryBytes),
    ...(gpus === undefined ? {} : { gpus }),
    ...(request.labels === undefined ? {} : { labels: request.labels }),
    pilotDirectory: plan.pilotDirectory,
    nodeDirectory,
    broker: index < plan.brokers,
    brokers: plan.pilotBrokers,
    gateway: gatewayRole(plan, index),
    storeBytes: plan.storeBytes,
    claims: readClaims(plan.pilotDirectory),
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
    ...(request.walltimeMs === undefined
      ? {}
      : { endsAtMs: (startedAtMs ?? Date.now()) + request.walltimeMs, ...endsItself(plan.resource) }),
  };
}

/** Hosts that were named by hand have nobody else to end them. */
function endsItself(resource: string): { endsItself?: true } {
  return parseResource(resource).kind === 'ssh' ? { endsItself: true } : {};
}

/** The very first node begins; others that hold the pilot's state stand by. */
function gatewayRole({ gateway, brokers }: BlockPlan, index: number): NodeConfig['gateway'] {
  if (gateway && index === 0) return 'first';
  return index < brokers ? 'standby' : 'none';
}

/** A line for whoever waits on another machine. */
export function tellProgress({ nodeDirectory }: Pick<NodeConfig, 'nodeDirectory'>, progress: LauncherProgress): void {
  appendFileSync(nodePaths(nodeDirectory).progress, `${JSON.stringify(progress)}\n`, { mode: 0o600 });
}

async function ownAddresses(): Promise<string[]> {
  try {
    return (await lookup(hostname(), { all: true, family: 4 })).map(({ address }) => address);
  } catch {
    // A host that does not know its own name: the first interface serves.
    return [];
  }
}
