/** Puts the commands together, runs the one that was asked for, and returns the exit code. */
import { setImmediate } from 'node:timers/promises';
import { Command } from 'commander';
import { auditTailCommand } from './access/audit.ts';
import { authListCommand, authRevokeCommand, authRotateCommand, tokenCommand } from './access/auth.ts';
import { type CommandFactory, type CommonOptions, firstExampleOf } from './command.ts';
import { completionCommands } from './completion/completion.ts';
import { type CliContext, type ExitCode, interruptedExitCode } from './context.ts';
import { devCommand } from './dev/dev.ts';
import { callsCancelCommand, callsGetCommand, callsListCommand, callsWaitCommand } from './events/calls.ts';
import { dlqListCommand, dlqPeekCommand, dlqPurgeCommand, dlqRedriveCommand } from './events/dlq.ts';
import { invokeCommand } from './events/invoke.ts';
import { pubCommand } from './events/pub.ts';
import { replayCommand } from './events/replay.ts';
import { tailCommand } from './events/tail.ts';
import { triggerListCommand, triggerPauseCommand, triggerResumeCommand } from './events/trigger.ts';
import { printFailure } from './failure.ts';
import { buildCommand } from './functions/build.ts';
import { deployCommand } from './functions/deploy.ts';
import { describeCommand } from './functions/describe.ts';
import { diffCommand } from './functions/diff.ts';
import { getCommand } from './functions/get.ts';
import { initCommand } from './functions/init.ts';
import { listCommand } from './functions/list.ts';
import { logsCommand } from './functions/logs.ts';
import { rmCommand } from './functions/rm.ts';
import {
  scaleExplainCommand,
  scaleGetCommand,
  scalePauseCommand,
  scaleResumeCommand,
  scaleSetCommand,
} from './functions/scale.ts';
import { secretListCommand, secretRmCommand, secretSetCommand } from './functions/secret.ts';
import { usageCommand } from './functions/usage.ts';
import { aliasSetCommand, promoteCommand, rollbackCommand, versionsCommand } from './functions/versions.ts';
import { doctorCommand } from './pilots/doctor.ts';
import { downCommand } from './pilots/down.ts';
import { nodeDescribeCommand } from './pilots/node-describe.ts';
import { nodeExplainCommand } from './pilots/node-explain.ts';
import { nodeListCommand } from './pilots/node-list.ts';
import { pilotInfoCommand, pilotLogsCommand, pilotWaitCommand } from './pilots/pilot-commands.ts';
import { pilotListCommand } from './pilots/pilot-list.ts';
import { nodeDrainCommand, pilotExtendCommand, pilotShrinkCommand } from './pilots/pilot-size.ts';
import { upCommand } from './pilots/up.ts';
import { dashboardCommand } from './screens/dashboard.ts';
import { topCommand } from './screens/top.ts';
import { sourceListCommand, sourceRunCommand } from './sources/source.ts';
import { benchReportCommand, benchRunCommand } from './study/bench.ts';
import { versionCommand } from './version.ts';

interface CommandGroup {
  readonly title: string;
  readonly commands: readonly CommandFactory[];
  /** Commands that stand under a noun: `node list`. */
  readonly under?: { readonly name: string; readonly summary: string };
}

const groups: readonly CommandGroup[] = [
  { title: 'Pilots:', commands: [upCommand, downCommand, dashboardCommand, usageCommand] },
  {
    title: 'Pilots:',
    commands: [
      pilotListCommand,
      pilotInfoCommand,
      pilotWaitCommand,
      pilotExtendCommand,
      pilotShrinkCommand,
      pilotLogsCommand,
    ],
    under: { name: 'pilot', summary: 'look at your pilots and their scheduler jobs' },
  },
  {
    title: 'Pilots:',
    commands: [nodeListCommand, nodeDescribeCommand, nodeExplainCommand, nodeDrainCommand],
    under: { name: 'node', summary: "the pilot's nodes" },
  },
  {
    title: 'Functions:',
    commands: [
      initCommand,
      devCommand,
      buildCommand,
      diffCommand,
      deployCommand,
      versionsCommand,
      promoteCommand,
      rollbackCommand,
      listCommand,
      getCommand,
      describeCommand,
      invokeCommand,
      logsCommand,
      topCommand,
      rmCommand,
    ],
  },
  {
    title: 'Functions:',
    commands: [secretSetCommand, secretListCommand, secretRmCommand],
    under: { name: 'secret', summary: 'values that functions are given and nobody is shown' },
  },
  {
    title: 'Functions:',
    commands: [scaleGetCommand, scaleSetCommand, scalePauseCommand, scaleResumeCommand, scaleExplainCommand],
    under: { name: 'scale', summary: 'how many instances a function has, and why' },
  },
  {
    title: 'Functions:',
    commands: [aliasSetCommand],
    under: { name: 'alias', summary: 'names of versions' },
  },
  {
    title: 'Functions:',
    commands: [callsGetCommand, callsListCommand, callsWaitCommand, callsCancelCommand],
    under: { name: 'calls', summary: 'look at asynchronous calls, wait for them, stop them' },
  },
  { title: 'Events:', commands: [pubCommand, replayCommand, tailCommand] },
  {
    title: 'Events:',
    commands: [sourceRunCommand, sourceListCommand],
    under: { name: 'source', summary: 'send the messages of a detector, a mini-app or a module of your own' },
  },
  {
    title: 'Events:',
    commands: [dlqListCommand, dlqPeekCommand, dlqRedriveCommand, dlqPurgeCommand],
    under: { name: 'dlq', summary: 'look at events that failed for good, and give them back' },
  },
  {
    title: 'Events:',
    commands: [triggerListCommand, triggerPauseCommand, triggerResumeCommand],
    under: { name: 'trigger', summary: 'look at what triggers functions, and hold it back' },
  },
  {
    title: 'Access:',
    commands: [tokenCommand, authListCommand, authRevokeCommand, authRotateCommand],
    under: { name: 'auth', summary: 'who may use the pilot' },
  },
  {
    title: 'Access:',
    commands: [auditTailCommand],
    under: { name: 'audit', summary: 'what was changed, and what was refused' },
  },
  {
    title: 'Events:',
    commands: [benchRunCommand, benchReportCommand],
    under: { name: 'bench', summary: 'measure how a pilot scales, and write a report' },
  },
  { title: 'Setup:', commands: [doctorCommand, versionCommand] },
  {
    title: 'Setup:',
    commands: completionCommands,
    under: { name: 'completion', summary: 'words as one types, with the names of the pilot' },
  },
];

/** `argv` without program and script. Never throws. */
export async function runCli(context: CliContext, argv: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = createProgram(context, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return context.signal.aborted ? interruptedExitCode : exitCode;
  } catch (thrown) {
    await untilSignalsAreSeen();
    return printFailure(context, thrown, program, argv);
  }
}

/**
 * Ctrl-C reaches our children (esbuild, ssh) as well, and the end of one may be heard of before our own signal: an error that is
 * only its consequence. By the second turn all that had come with it is handled.
 */
async function untilSignalsAreSeen(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await setImmediate();
}

/** The whole command tree; also walked by a test that holds every command to the same rules. */
export function createProgram(outer: CliContext, report: (code: ExitCode) => void): Command {
  let via: string | undefined;
  const context: CliContext = {
    ...outer,
    get via() {
      return via;
    },
  };
  const program = new Command('pilotfish')
    .hook('preAction', (_, command) => {
      via = command.opts<CommonOptions>().via;
    })
    .description('Functions inside an HPC pilot job: bring a pilot up, deploy functions, send events.')
    .addHelpText(
      'after',
      '\nExamples:\n  $ pilotfish up --nodes 2\n  $ pilotfish deploy functions/echo\n  $ pilotfish invoke echo -d hi',
    )
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      // Errors are printed in one place, `failure.ts`.
      outputError: () => undefined,
    });
  for (const { title, commands, under } of groups) {
    const built = commands.map((factory) => factory(context, report));
    if (!under) for (const command of built) add(program, command.helpGroup(title));
    else add(program, nounCommand(program, under, built).helpGroup(title));
  }
  return program;
}

function nounCommand(
  program: Command,
  { name, summary }: { name: string; summary: string },
  commands: readonly Command[],
): Command {
  const noun = new Command(name).description(summary).copyInheritedSettings(program);
  for (const command of commands) add(noun, command);
  return noun.addHelpText(
    'after',
    `\nExamples:\n${commands.map((command) => `  $ ${firstExampleOf(command)}`).join('\n')}`,
  );
}

/** Settings such as the handling of errors do not reach commands that were made elsewhere. */
function add(parent: Command, command: Command): void {
  parent.addCommand(command.copyInheritedSettings(parent));
  for (const below of command.commands) below.copyInheritedSettings(command);
}
