/** `pilotfish version`: the CLI's, and the pilot's where one answers. */
import type { Command } from 'commander';
import { messageOf, platformVersion } from '#common';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf } from './command.ts';
import { askPilot } from './connection.ts';
import type { CliContext } from './context.ts';
import type { Output } from './output/output.ts';

interface VersionFlags extends CommonOptions {
  readonly client?: boolean;
}

interface PilotVersion {
  readonly id: string;
  readonly version: string;
  readonly nodes: readonly string[];
}

export const versionCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'version',
    summary: "print the CLI's version and the pilot's",
    examples: ['pilotfish version', 'pilotfish version --client', 'pilotfish version -o json'],
  })
    .addOption(flag('--client', 'the CLI only'))
    .action((flags: VersionFlags) => printVersion(context, flags));

async function printVersion(context: CliContext, flags: VersionFlags): Promise<void> {
  const output = outputOf(context, flags);
  const pilot = flags.client ? undefined : await readPilotVersion(context, flags, output);
  const plain = { client: platformVersion, node: process.versions.node, pilot: pilot ?? null };
  const rows: [string, string][] = [['pilotfish', platformVersion], ...(pilot ? [pilotRow(pilot)] : [])];
  await output.one(platformVersion, plain, rows);
  const others = new Set(
    [pilot?.version, ...(pilot?.nodes ?? [])].filter((each) => each !== undefined && each !== platformVersion),
  );
  if (others.size > 0) {
    output.note(
      `warning: this CLI is ${platformVersion}, the pilot runs ${[...others].join(' and ')}; use the same version for both`,
    );
  }
}

function pilotRow({ id, version }: PilotVersion): [string, string] {
  return [`pilot ${id}`, version];
}

/** A pilot that does not answer is worth a line, not an error: the CLI's version was asked for too. */
async function readPilotVersion(
  context: CliContext,
  flags: VersionFlags,
  output: Output,
): Promise<PilotVersion | undefined> {
  const { listPilots, resolveHome } = await import('#pilot');
  if (flags.pilot === undefined && flags.via === undefined && listPilots(resolveHome(context.env)).length === 0)
    return undefined;
  try {
    return await askPilot(context, flags.pilot, async (pilot, connection) => {
      const nodes = await pilot.nodes();
      return { id: connection.pilot, version: connection.version, nodes: nodes.map(({ version }) => version) };
    });
  } catch (error) {
    output.note(`note: the pilot's version is unknown: ${messageOf(error)}`);
    return undefined;
  }
}
