/**
 * A pilot in a scheduler's job: staged, submitted, waited for. Nobody but the scheduler starts its launchers; what they
 * tell comes through files on the shared file system, and ready is what the gateway says.
 */
import { hostname } from 'node:os';
import { type Clock, PlatformError, platformVersion, systemClock } from '#common';
import type { Connection, TracesConfig } from '#model';
import { makePrivateDirectory, writePrivate } from '#security';
import { endPilot } from './end-pilot.ts';
import { type ClaimsShape, writeClaims } from './files/claims.ts';
import { pilotPaths } from './files/home.ts';
import { makePilotDirectory, writeNatsKeys } from './files/layout.ts';
import { writeAuthority } from './files/node-certificates.ts';
import type { PilotRecord } from './files/records.ts';
import type { Block } from './jobs/blocks.ts';
import type { NodeLimits } from './jobs/node-limits.ts';
import { type StageSources, stagePlatform } from './jobs/stage.ts';
import { type BlockOrder, startBlock } from './jobs/start-block.ts';
import { waitForBlock } from './jobs/wait-for-block.ts';
import { type NodeRequest, parseResource, schedulerFor } from './scheduler/index.ts';
import type { StartedPilot, StartPhase } from './start-pilot.ts';

export interface ScheduledPilotOptions {
  /** On the shared file system. */
  readonly home: string;
  readonly resource: string;
  readonly request: NodeRequest;
  readonly interface?: string | undefined;
  readonly storeBytes: number;
  readonly brokers: number;
  readonly claims: ClaimsShape;
  /** The streams are not encrypted between nodes. */
  readonly plainData: boolean;
  /** Left off: nothing is traced. */
  readonly traces?: TracesConfig | undefined;
  readonly limits: NodeLimits;
  /** A successor follows each job before its walltime ends. */
  readonly renew: boolean;
  readonly sources: StageSources;
  /** Returns once the job is submitted. */
  readonly detach: boolean;
  readonly waitReady: (connection: Connection, nodes: number, timeoutMs: number) => Promise<unknown>;
  readonly onPhase: (phase: StartPhase) => void;
  /** What it begins with now, and may take long. */
  readonly onDoing: (what: string) => void;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/** Whatever goes wrong on the way, no job and no file is left. Throws as `startBlock` and `waitForBlock` do. */
export async function startScheduledPilot(options: ScheduledPilotOptions): Promise<Omit<StartedPilot, 'connection'>> {
  const clock = options.clock ?? systemClock;
  const startedAt = clock.monotonic();
  const elapsedMs = () => Math.round(clock.monotonic() - startedAt);
  const tell = (phase: string) => options.onPhase({ node: '', phase, ms: elapsedMs() });
  // A wrong name is said before anything is made.
  const scheduler = schedulerFor(parseResource(options.resource));
  const { pilot, pilotDirectory } = makePilotDirectory(options.home);
  try {
    tell(`pilot ${pilot}`);
    options.onDoing('copying the platform to where its nodes see it');
    const stage = await stagePlatform(options.home, options.sources, options.signal);
    writeRecord(pilot, pilotDirectory, options);
    writeNatsKeys(pilotDirectory);
    writeClaims(pilotDirectory, options.claims, options.storeBytes);
    await writeAuthority(pilot, pilotDirectory);
    tell(`platform staged (${stage.digest})`);
    const order: BlockOrder = {
      pilot,
      pilotDirectory,
      resource: options.resource,
      request: options.request,
      ...(options.interface === undefined ? {} : { interface: options.interface }),
      stage: stage.directory,
      storeBytes: options.storeBytes,
      brokers: options.brokers,
      pilotBrokers: options.brokers,
      gateway: true,
      renew: options.renew,
    };
    options.onDoing('submitting the job');
    const block = await startBlock(order, scheduler);
    tell(`job ${block.job} submitted`);
    options.onDoing('waiting for the job and its nodes');
    if (!options.detach) await untilReady(block, options, elapsedMs, clock);
    return { pilot, directory: pilotDirectory, readyMs: elapsedMs() };
  } catch (error) {
    await endPilot(pilotDirectory, { graceMs: 0 });
    throw options.signal.aborted ? new PlatformError('cancelled', 'the start was interrupted') : error;
  }
}

async function untilReady(
  block: Block,
  options: ScheduledPilotOptions,
  elapsedMs: () => number,
  clock: Clock,
): Promise<void> {
  const { onPhase, signal, waitReady } = options;
  await waitForBlock(block, { onPhase: (phase) => onPhase({ ...phase, ms: elapsedMs() }), signal, waitReady, clock });
}

function writeRecord(
  pilot: string,
  pilotDirectory: string,
  { resource, limits, plainData, traces }: Pick<ScheduledPilotOptions, 'resource' | 'limits' | 'plainData' | 'traces'>,
): void {
  const record: PilotRecord = {
    pilot,
    version: platformVersion,
    resource,
    machine: hostname(),
    createdAtMs: Date.now(),
    limits,
    ...(plainData ? { plainData } : {}),
    ...(traces ? { traces } : {}),
    nodes: [],
  };
  makePrivateDirectory(pilotPaths(pilotDirectory).brokers);
  writePrivate(pilotPaths(pilotDirectory).record, JSON.stringify(record, undefined, 2));
}
