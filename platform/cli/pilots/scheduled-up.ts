/** `pilotfish up` where a batch system gives the nodes. */
import { join } from 'node:path';
import { locateServer } from '#broker';
import { PlatformError } from '#common';
import type { StageSources, StartedPilot } from '#pilot';
import type { CliContext } from '../context.ts';
import { distDirectory } from '../launcher-command.ts';
import type { Output } from '../output/output.ts';
import { phaseText } from '../output/phase-text.ts';
import { type ClaimsFlags, claimsOf } from './claims-flags.ts';
import { type NodeFlags, nodeRequest } from './node-flags.ts';
import { sayWhatIsLeft } from './say-left.ts';
import { type TraceFlags, tracesOf } from './trace-flags.ts';

export interface ScheduledUpFlags extends NodeFlags, ClaimsFlags, TraceFlags {
  readonly resource: string;
  readonly storeSize?: number;
  readonly brokers?: number;
  readonly renew?: boolean;
  readonly maxNodes?: number;
  readonly nodeHours?: number;
  readonly keepNodes?: number;
  readonly interface?: string;
  readonly detach?: boolean;
  readonly plainData?: boolean;
}

/** Tells queue and phases on stderr. An aborted signal cancels the job and takes everything back. */
export async function runScheduledUp(
  context: CliContext,
  flags: ScheduledUpFlags,
  output: Output,
): Promise<Omit<StartedPilot, 'connection'>> {
  const { checkBrokers, chooseStoreBytes, resolveHome, startScheduledPilot } = await import('#pilot');
  const home = resolveHome(context.env);
  const brokers = flags.brokers ?? 1;
  checkBrokers(flags.nodes, brokers);
  if (flags.renew) checkRenewal(flags, brokers);
  checkLimits(flags);
  if (flags.plainData) output.note('--plain-data: events pass between nodes unencrypted; calls and commands do not');
  let doing = 'bringing a pilot up';
  using _ = output.waiting(() => doing);
  const starting = startScheduledPilot({
    home,
    resource: flags.resource,
    request: nodeRequest(flags),
    interface: flags.interface,
    storeBytes: chooseStoreBytes(home, brokers, flags.storeSize),
    claims: claimsOf(flags),
    traces: tracesOf(flags),
    plainData: flags.plainData === true,
    brokers,
    renew: flags.renew === true,
    limits: { nodesMax: flags.maxNodes, nodeHoursMax: flags.nodeHours, keepAliveMs: flags.keepNodes },
    sources: stageSources(context),
    detach: flags.detach === true,
    waitReady: async (connection, nodes, timeoutMs) => {
      const { connectPilot } = await import('#client');
      using pilot = connectPilot(connection);
      await pilot.waitReady(nodes, timeoutMs);
    },
    onPhase: (phase) => output.note(phaseText(phase)),
    onDoing: (what) => {
      doing = what;
    },
    signal: context.signal,
  });
  return await sayWhatIsLeft(context, output, starting);
}

/** What can never be kept is said before anything is submitted. */
function checkLimits({ nodes, walltime, maxNodes, nodeHours }: ScheduledUpFlags): void {
  if (maxNodes !== undefined && maxNodes < nodes)
    throw new PlatformError('usage', `--nodes ${nodes} is more than --max-nodes ${maxNodes}`);
  if (nodeHours === undefined) return;
  if (walltime === undefined) {
    throw new PlatformError('usage', '--node-hours needs --walltime', {
      hint: 'What a job may cost is its nodes times its walltime.',
    });
  }
  const first = (nodes * walltime) / 3_600_000;
  if (first > nodeHours) {
    throw new PlatformError(
      'usage',
      `the first job alone may use ${first.toFixed(2)} node-hours; --node-hours is ${nodeHours}`,
      {
        hint: 'Ask for fewer nodes, less walltime, or a larger budget.',
      },
    );
  }
}

/** The streams move from server to server while they run; a lone server has nowhere to move them from. */
function checkRenewal({ walltime }: ScheduledUpFlags, brokers: number): void {
  if (brokers < 3) {
    throw new PlatformError('usage', '--renew needs --brokers 3 from the start', {
      hint: 'A pilot that began with one server cannot move its streams while they run.',
    });
  }
  if (walltime === undefined) {
    throw new PlatformError('usage', '--renew needs --walltime', {
      hint: 'Without an end there is nothing to outlive.',
    });
  }
}

/** What nodes need of this copy of the platform. */
export function stageSources(context: CliContext): StageSources {
  const { PILOTFISH_NATS_SERVER: setting, PATH: path = '' } = context.env;
  const natsServer = locateServer({ setting, toolsFile: join(distDirectory(), 'tools.json'), path });
  return { dist: distDirectory(), node: process.execPath, natsServer };
}
