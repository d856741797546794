/**
 * Brings a pilot up: launchers start the broker while certificates are signed, then everything else at once. Ready is
 * what the gateway says. Whatever goes wrong on the way, nothing is left behind.
 */
import { statfsSync } from 'node:fs';
import { totalmem } from 'node:os';
import { type Clock, formatBytes, PlatformError, systemClock, withDeadline } from '#common';
import { type Connection, connectionSchema, type NodeConfig, readStartTicks, type TracesConfig } from '#model';
import { readPrivate } from '#security';
import type { PilotAdapter, StartedNode } from './adapter.ts';
import { endPilot } from './end-pilot.ts';
import { type ClaimsShape, claimsDefault } from './files/claims.ts';
import { nodePaths, openHome, pilotPaths } from './files/home.ts';
import { makePilotDirectory, writeCertificates, writePilot } from './files/layout.ts';
import { readTail } from './files/log-tail.ts';
import { type LauncherProgress, progressError } from './files/progress.ts';

export interface StartPilotOptions {
  readonly home: string;
  readonly resource: string;
  readonly adapter: PilotAdapter;
  readonly nodes: number;
  readonly slotsPerNode: number;
  readonly gpusPerNode?: number | undefined;
  /** What functions may ask of its nodes. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Servers that hold the pilot's state: 1 (the default), or 3 of which one may be lost with its node. */
  readonly brokers?: number;
  /** Left off: the pilot runs until it is ended. */
  readonly walltimeMs?: number | undefined;
  /** The pilot is this process's own: it ends when this does, also when this is killed. Only where nodes are on this machine. */
  readonly endsWithUs?: boolean | undefined;
  /** Default: 2 GiB, or half of what is free on the disk. */
  readonly storeBytes?: number;
  /** Default: in the pilot's directory, which all nodes share. */
  readonly claims?: ClaimsShape;
  /** Left off: nothing is traced. */
  readonly traces?: TracesConfig | undefined;
  /** Asks the gateway; resolves once so many nodes are ready. */
  readonly waitReady: (connection: Connection, nodes: number, timeoutMs: number) => Promise<unknown>;
  readonly onPhase: (phase: StartPhase) => void;
  /** Aborted: everything is taken back, then `cancelled` is thrown. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

export interface StartPhase {
  /** Empty for the pilot as a whole. */
  readonly node: string;
  readonly phase: string;
  /** Since the start of `up`. */
  readonly ms: number;
}

export interface StartedPilot {
  readonly pilot: string;
  readonly directory: string;
  readonly connection: Connection;
  readonly readyMs: number;
}

export const nodesMax = 64;
const startTimeoutMs = 60_000;
const storeBytesDefault = 2 * 2 ** 30;
/** Below it JetStream's streams would not hold one scan. */
const storeBytesMin = 64 * 2 ** 20;

/** Throws the error of what failed, with the end of the log that explains it as its stack; `timeout` after 60 s. */
export async function startPilot(options: StartPilotOptions): Promise<StartedPilot> {
  const clock = options.clock ?? systemClock;
  const startedAt = clock.monotonic();
  checkOptions(options);
  const { pilot, pilotDirectory } = makePilotDirectory(options.home);
  const launched: StartedNode[] = [];
  const elapsedMs = () => Math.round(clock.monotonic() - startedAt);
  try {
    const nodes = writePilot(pilot, pilotDirectory, shapeOf(options));
    options.onPhase({ node: '', phase: `pilot ${pilot}`, ms: elapsedMs() });
    const connection = await untilReady(options, nodes, launched, elapsedMs);
    return { pilot, directory: pilotDirectory, connection, readyMs: elapsedMs() };
  } catch (error) {
    const explained = explain(error, pilotDirectory);
    // No grace: nothing runs yet that could be drained.
    await endPilot(pilotDirectory, { graceMs: 0 });
    throw options.signal.aborted ? new PlatformError('cancelled', 'the start was interrupted') : explained;
  } finally {
    for (const node of launched) node.release();
  }
}

async function untilReady(
  options: StartPilotOptions,
  nodes: readonly NodeConfig[],
  launched: StartedNode[],
  elapsedMs: () => number,
): Promise<Connection> {
  const { adapter, onPhase, signal, waitReady } = options;
  signal.throwIfAborted();
  const failed = Promise.withResolvers<never>();
  const cancel = () => failed.reject(new PlatformError('cancelled', 'the start was interrupted'));
  signal.addEventListener('abort', cancel, { once: true });
  const gatewayReady = Promise.withResolvers<void>();
  const ready = nodes.map((config) => {
    const nodeReady = Promise.withResolvers<void>();
    const onProgress = (progress: LauncherProgress) => {
      if ('failed' in progress)
        return failed.reject(new LaunchError(progressError(progress.failed, config.node), progress.failed.log));
      const phase = 'phase' in progress ? progress.phase : 'ready';
      onPhase({ node: config.node, phase, ms: elapsedMs() });
      if (phase === 'gateway') gatewayReady.resolve();
      if (phase === 'ready') nodeReady.resolve();
    };
    launched.push(
      adapter.startNode({
        ...startFiles(config),
        config,
        onProgress,
        onEnd: (reason) => failed.reject(launcherEnded(config, reason)),
      }),
    );
    return nodeReady.promise;
  });
  const answered = (async () => {
    await gatewayReady.promise;
    const connection = readConnectionFile(nodes);
    await waitReady(connection, nodes.length, startTimeoutMs - elapsedMs());
    return connection;
  })();
  // Told to whoever awaits below; when something else fails first nobody does.
  answered.catch(() => undefined);
  const all = Promise.all([answered, writeCertificates(nodes), ...ready]);
  const what = 'that all nodes are ready';
  try {
    const [connection] = await withDeadline(Promise.race([all, failed.promise]), startTimeoutMs, what);
    return connection;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** An error together with the log that explains it. */
class LaunchError extends Error {
  readonly log: string;

  constructor(cause: PlatformError, log: string) {
    super(cause.message, { cause });
    this.log = log;
  }
}

function launcherEnded({ node, nodeDirectory }: NodeConfig, reason: string): LaunchError {
  const error = new PlatformError('unavailable', `the launcher of node ${node} ended (${reason})`);
  return new LaunchError(error, nodePaths(nodeDirectory).log('launcher'));
}

/** Adds the log's end to the error: the log itself is about to go. */
function explain(thrown: unknown, pilotDirectory: string): PlatformError {
  if (thrown instanceof LaunchError) return withTail(PlatformError.from(thrown.cause), thrown.log);
  const error = PlatformError.from(thrown);
  if (error.code !== 'timeout') return error;
  return withTail(error, nodePaths(`${pilotPaths(pilotDirectory).nodes}/n1`).log('gateway'));
}

function withTail(error: PlatformError, log: string): PlatformError {
  return new PlatformError(error.code, error.message, { hint: error.hint, cause: error, foreignStack: readTail(log) });
}

function readConnectionFile(nodes: readonly NodeConfig[]): Connection {
  const { connection } = pilotPaths(nodes[0]?.pilotDirectory ?? '');
  return connectionSchema.parse(JSON.parse(readPrivate(connection)));
}

function startFiles({ nodeDirectory }: NodeConfig) {
  const paths = nodePaths(nodeDirectory);
  return { configFile: paths.config, logFile: paths.log('launcher') };
}

function checkOptions({ nodes, slotsPerNode, brokers = 1 }: StartPilotOptions): void {
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > nodesMax) {
    throw new PlatformError('usage', `--nodes is ${nodes}; a pilot has 1 to ${nodesMax} nodes`);
  }
  if (!Number.isInteger(slotsPerNode) || slotsPerNode < 1) {
    throw new PlatformError('usage', `--cores-per-node is ${slotsPerNode}; a node has at least one`);
  }
  checkBrokers(nodes, brokers);
}

/** Throws `usage` for a count that makes no sense, or has not a node each. */
export function checkBrokers(nodes: number, brokers: number): void {
  if (brokers !== 1 && brokers !== 3) {
    throw new PlatformError('usage', `--brokers is ${brokers}; a pilot has 1 or 3`, {
      hint: 'Two are no safer than one: the one that is left would not know that it is not cut off.',
    });
  }
  if (nodes < brokers) {
    throw new PlatformError('usage', `--brokers 3 needs 3 nodes or more, one for each; --nodes is ${nodes}`, {
      hint: 'Say --nodes 3, or leave --brokers off.',
    });
  }
}

function shapeOf({
  home,
  nodes,
  resource,
  adapter,
  slotsPerNode,
  gpusPerNode,
  labels,
  storeBytes,
  walltimeMs,
  endsWithUs,
  brokers = 1,
  claims,
  traces,
}: StartPilotOptions) {
  const machineBytes = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  return {
    resource,
    hosts: Array.from({ length: nodes }, (_, index) => adapter.hostOf(index)),
    slots: slotsPerNode,
    gpus: gpusPerNode,
    labels,
    brokers,
    walltimeMs,
    endsWith: endsWithUs ? { pid: process.pid, startTicks: readStartTicks(process.pid) ?? '' } : undefined,
    // One machine's memory, shared by its nodes.
    memoryBytes: Math.floor(machineBytes / nodes),
    // One disk, shared by its servers.
    storeBytes: chooseStoreBytes(home, brokers, storeBytes),
    claims: claims ?? claimsDefault,
    traces,
  };
}

/** What is asked for, or what the disk has room for. Throws `usage` for less than the streams need, `no-capacity` for a full disk. */
export function chooseStoreBytes(home: string, brokers: number, wanted: number | undefined): number {
  if (wanted !== undefined) {
    if (wanted >= storeBytesMin) return wanted;
    throw new PlatformError(
      'usage',
      `--store-size is ${formatBytes(wanted)}, and the streams need ${formatBytes(storeBytesMin)}`,
      {
        hint: 'Left off, it is 2GiB, or half of the free space.',
      },
    );
  }
  openHome(home);
  const { bavail, bsize } = statfsSync(home);
  const bytes = Math.min(storeBytesDefault, Math.floor((bavail * bsize) / 2 / brokers));
  if (bytes >= storeBytesMin) return bytes;
  throw new PlatformError('no-capacity', `the disk of ${home} is nearly full: ${bytes * 2} bytes are free`, {
    hint: 'Free some space, or set PILOTFISH_HOME to another disk.',
  });
}
