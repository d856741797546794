/** `pilotfish up`: brings a pilot up, waits until it is ready, prints its id. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { formatDuration, PlatformError } from '#common';
import type { StartedPilot } from '#pilot';
import {
  type CommandFactory,
  type CommonOptions,
  durationMs,
  flag,
  newCommand,
  outputOf,
  positiveInteger,
  positiveNumber,
} from '../command.ts';
import type { CliContext } from '../context.ts';
import { launcherCommand } from '../launcher-command.ts';
import type { Output } from '../output/output.ts';
import { phaseText } from '../output/phase-text.ts';
import { addClaimsFlags, type ClaimsFlags, claimsOf } from './claims-flags.ts';
import { addNodeFlags, interfaceName, labelsOf, type NodeFlags, sizeBytes } from './node-flags.ts';
import { sayWhatIsLeft } from './say-left.ts';
import { runScheduledUp } from './scheduled-up.ts';
import { addTraceFlags, type TraceFlags, tracesOf } from './trace-flags.ts';

export interface UpFlags extends CommonOptions, NodeFlags, ClaimsFlags, TraceFlags {
  readonly resource: string;
  readonly storeSize?: number;
  readonly brokers?: number;
  readonly interface?: string;
  readonly detach?: boolean;
  readonly plainData?: boolean;
  readonly renew?: boolean;
  readonly maxNodes?: number;
  readonly nodeHours?: number;
  readonly keepNodes?: number;
}

export const upCommand: CommandFactory = (context): Command =>
  addTraceFlags(
    addClaimsFlags(
      addNodeFlags(
        newCommand({
          name: 'up',
          summary: 'bring a pilot up and wait until it is ready',
          examples: [
            'pilotfish up',
            'pilotfish up --nodes 2 --cores-per-node 4',
            'pilotfish up --store-size 512MiB',
            'pilotfish up --nodes 4 --brokers 3',
            'pilotfish up --traces http://127.0.0.1:4318 --trace-ratio 0.01',
            'pilotfish up --claims node --claims-directory /local/scratch',
            'pilotfish up --resource slurm:// --nodes 3 --walltime 1h --queue short --project phys123',
            'pilotfish up --resource slurm:// --walltime 2h --max-nodes 8 --node-hours 10',
            'pilotfish up --resource ssh://node1,node2 --nodes 2 --interface ib0',
            'pilotfish up --resource slurm:// --nodes 3 --interface ib0 --plain-data    # a fabric that nobody else is on',
          ],
          pilot: false,
        }).addOption(
          flag('--resource <url>', 'where its nodes are: local://, slurm://, sge://, pbs://, ssh://a,b').default(
            'local://',
          ),
        ),
      ),
    ),
  )
    .addOption(flag('--interface <name>', 'the network between nodes: ib0, or 10.1.0.0/16').argParser(interfaceName))
    .addOption(
      flag(
        '--max-nodes <count>',
        'the gateway asks for more nodes when they are needed, and nobody gets more than so many in all',
      ).argParser(positiveInteger),
    )
    .addOption(flag('--node-hours <hours>', 'what all jobs together may use').argParser(positiveNumber))
    .addOption(
      flag('--keep-nodes <time>', 'how long those are kept that the gateway asked for and nothing needs')
        .default(60_000, '1m')
        .argParser(durationMs),
    )
    .addOption(flag('--renew', 'each job is followed by another before its walltime ends; needs --brokers 3'))
    .addOption(
      flag('--plain-data', 'do not encrypt events between nodes: for a network that is yours alone (docs/security.md)'),
    )
    .addOption(flag('--detach', 'return once the job is submitted; `pilot wait` waits for it'))
    .addOption(
      flag(
        '--store-size <size>',
        'what the broker may keep on disk (default: 2GiB, or half of the free space)',
      ).argParser(sizeBytes),
    )
    .addOption(
      flag('--brokers <count>', 'nats-servers, each with all that is stored: 1, or 3 of which one may be lost')
        .default(1)
        .argParser(positiveInteger),
    )
    .action(async (flags: UpFlags, command: Command) => {
      const output = outputOf(context, flags);
      if (/^local(?::|$)/.test(flags.resource)) {
        refuseJobFlags(command);
        const { connection, ...started } = await runUp(context, flags, output);
        return await printPilot(output, { ...started, gateway: connection.gateway.address }, flags);
      }
      await printPilot(output, await runScheduledUp(context, flags, output), flags);
    });

/** What only a scheduler or other hosts can keep. From the environment it is a site's habit, and does not matter here. */
const jobFlags = [
  'memoryPerNode',
  'queue',
  'project',
  'reservation',
  'qos',
  'constraint',
  'directive',
  'setEnv',
  'module',
  'interface',
  'maxNodes',
  'nodeHours',
  'keepNodes',
  'renew',
  'detach',
  'plainData',
];

/** Throws `usage`: nobody should count on what is passed over. */
function refuseJobFlags(command: Command): void {
  const given = command.options.find(
    (option) =>
      jobFlags.includes(option.attributeName()) && command.getOptionValueSource(option.attributeName()) === 'cli',
  );
  if (!given) return;
  throw new PlatformError('usage', `${given.long} means nothing on local://, this one machine without a scheduler`, {
    hint: 'Leave it off, or name a scheduler or hosts: --resource slurm://, sge://, pbs://, ssh://a,b',
  });
}

/**
 * Brings the pilot up, telling phases with their times on stderr. An aborted signal takes everything back. With `endsWithUs` it ends with this
 * command, also when that is killed.
 */
export async function runUp(
  context: CliContext,
  flags: UpFlags & { readonly endsWithUs?: true },
  output: Output,
): Promise<StartedPilot> {
  // Loaded late, so that other commands start fast; the client while the launchers start.
  const { codeCacheDirectory, createAdapter, resolveHome, startPilot } = await import('#pilot');
  const home = resolveHome(context.env);
  using _ = output.waiting('bringing a pilot up');
  const adapter = createAdapter(flags.resource, launcherCommand(codeCacheDirectory(home)));
  const starting = startPilot({
    home,
    resource: flags.resource,
    adapter,
    nodes: flags.nodes,
    brokers: flags.brokers ?? 1,
    walltimeMs: flags.walltime,
    endsWithUs: flags.endsWithUs,
    slotsPerNode: flags.coresPerNode ?? availableParallelism(),
    gpusPerNode: flags.gpusPerNode,
    labels: labelsOf(flags),
    ...(flags.storeSize === undefined ? {} : { storeBytes: flags.storeSize }),
    claims: claimsOf(flags),
    traces: tracesOf(flags),
    waitReady: async (connection, nodes, timeoutMs) => {
      const { connectPilot } = await import('#client');
      using pilot = connectPilot(connection);
      await pilot.waitReady(nodes, timeoutMs);
    },
    onPhase: (phase) => output.note(phaseText(phase)),
    signal: context.signal,
  });
  return await sayWhatIsLeft(context, output, starting);
}

async function printPilot(
  output: Output,
  { pilot, directory, gateway, readyMs }: Omit<StartedPilot, 'connection'> & { readonly gateway?: string },
  { nodes, detach }: UpFlags,
): Promise<void> {
  const what = `${nodes} ${nodes === 1 ? 'node' : 'nodes'}, ${formatDuration(readyMs)}`;
  output.note(
    detach ? `pilot ${pilot} is submitted; wait for it: pilotfish pilot wait` : `pilot ${pilot} is ready: ${what}`,
  );
  await output.bare(pilot, { pilot, nodes, gateway: gateway ?? null, directory, readyMs });
}
