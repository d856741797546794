/** `pilotfish up`: brings a pilot up, waits until it is ready, prints its id. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { formatDuration, messageOf, parseSizeBytes } from '#common';
import type { StartedPilot, StartPhase } from '#pilot';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf, positiveInteger } from './command.ts';
import type { CliContext } from './context.ts';
import { launcherCommand } from './launcher-command.ts';
import type { Output } from './output.ts';

export interface UpFlags extends CommonOptions {
  readonly resource: string;
  readonly nodes: number;
  readonly coresPerNode?: number;
  readonly storeSize?: number;
  readonly brokers?: number;
}

export const upCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'up',
    summary: 'bring a pilot up and wait until it is ready',
    examples: [
      'pilotfish up',
      'pilotfish up --nodes 2 --cores-per-node 4',
      'pilotfish up --store-size 512MiB',
      'pilotfish up --nodes 4 --brokers 3',
    ],
    pilot: false,
  })
    .addOption(flag('--resource <url>', 'where its nodes are').default('local://'))
    .addOption(flag('--nodes <count>', 'how many nodes').default(1).argParser(positiveInteger))
    .addOption(
      flag('--cores-per-node <count>', 'slots of a node (default: the cores of this machine)').argParser(
        positiveInteger,
      ),
    )
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
    .action(async (flags: UpFlags) => {
      const output = outputOf(context, flags);
      const started = await runUp(context, flags, output);
      await printPilot(output, started, flags.nodes);
    });

/** Brings the pilot up, telling phases with their times on stderr. An aborted signal takes everything back. */
export async function runUp(context: CliContext, flags: UpFlags, output: Output): Promise<StartedPilot> {
  // Loaded late, so that other commands start fast; the client while the launchers start.
  const { codeCacheDirectory, createAdapter, resolveHome, startPilot } = await import('#pilot');
  const home = resolveHome(context.env);
  const adapter = createAdapter(flags.resource, launcherCommand(codeCacheDirectory(home)));
  return await startPilot({
    home,
    resource: flags.resource,
    adapter,
    nodes: flags.nodes,
    brokers: flags.brokers ?? 1,
    slotsPerNode: flags.coresPerNode ?? availableParallelism(),
    ...(flags.storeSize === undefined ? {} : { storeBytes: flags.storeSize }),
    waitReady: async (connection, nodes, timeoutMs) => {
      const { connectPilot } = await import('#client');
      using pilot = connectPilot(connection);
      await pilot.waitReady(nodes, timeoutMs);
    },
    onPhase: (phase) => output.note(phaseText(phase)),
    signal: context.signal,
  });
}

async function printPilot(
  output: Output,
  { pilot, directory, connection, readyMs }: StartedPilot,
  nodes: number,
): Promise<void> {
  output.note(`pilot ${pilot} is ready: ${nodes} ${nodes === 1 ? 'node' : 'nodes'}, ${formatDuration(readyMs)}`);
  // The id alone, so that `id=$(pilotfish up)` works.
  if (output.format === 'table' || output.format === 'wide') return output.line(pilot);
  await output.one(pilot, { pilot, nodes, gateway: connection.gateway.address, directory, readyMs }, []);
}

function phaseText({ node, phase, ms }: StartPhase): string {
  return `${formatDuration(ms).padStart(8)}  ${node === '' ? phase : `${node}: ${phase}`}`;
}

function sizeBytes(text: string): number {
  try {
    return parseSizeBytes(text);
  } catch (error) {
    throw new InvalidArgumentError(`${messageOf(error)}. Write it like 512MiB or 2GiB.`);
  }
}
