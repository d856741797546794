/** `pilotfish scale ...`: how many instances a function has, why, and what may be said about it by hand. */
import { type Command, InvalidArgumentError } from 'commander';
import { PlatformError } from '#common';
import type { GetScaleResponse, ScaleOverride } from '#proto';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf, positiveInteger } from '../command.ts';
import { askPilot, suggestFunction } from '../connection.ts';
import { decisionText, overrideText, scaleRecord, scaleRows } from './scale-view.ts';

interface SetFlags extends CommonOptions {
  readonly min?: number;
  readonly max?: number;
  readonly weight?: number;
  readonly reset?: boolean;
}

interface PauseFlags extends CommonOptions {
  readonly in?: boolean;
  readonly out?: boolean;
}

interface ExplainFlags extends CommonOptions {
  readonly last: number;
}

export const scaleGetCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'get',
    summary: 'show the bounds of a function, and how many instances it has',
    examples: ['pilotfish scale get gridrec', 'pilotfish scale get gridrec -o json'],
  })
    .argument('<function>', 'its name')
    .action(async (name: string, options: CommonOptions) => {
      const scale = await askPilot(context, options.pilot, (pilot) =>
        suggestFunction(pilot, name, () => pilot.scale(name)),
      );
      await outputOf(context, options).one(name, scaleRecord(scale, 0), scaleRows(scale).slice(0, 4));
    });

export const scaleSetCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'set',
    summary: "set bounds or weight above the manifest's, until they are reset",
    examples: [
      'pilotfish scale set gridrec --min 2 --max 8',
      'pilotfish scale set gridrec --weight 3',
      'pilotfish scale set gridrec --reset',
    ],
  })
    .argument('<function>', 'its name')
    .addOption(flag('--min <instances>', 'instances kept even without events').argParser(wholeNumber))
    .addOption(flag('--max <instances>', 'most instances').argParser(positiveInteger))
    .addOption(flag('--weight <weight>', 'its share where slots are short').argParser(positiveInteger))
    .addOption(flag('--reset', "back to the manifest's, pauses too"))
    .action(async (name: string, flags: SetFlags) => {
      const { min, max, weight, reset } = flags;
      const given = min !== undefined || max !== undefined || weight !== undefined;
      if (given === (reset === true)) {
        throw new PlatformError('usage', given ? '--reset stands alone' : 'nothing to set', {
          hint: `pilotfish scale set ${name} --min 1 --max 8, or: pilotfish scale set ${name} --reset`,
        });
      }
      await change(context, flags, name, (before) =>
        reset ? undefined : { ...before, ...definedOf({ min, max, weight }) },
      );
    });

export const scalePauseCommand: CommandFactory = (context): Command =>
  switchCommand(context, 'pause', 'keep the instances of a function as they are, whatever the load');

export const scaleResumeCommand: CommandFactory = (context): Command =>
  switchCommand(context, 'resume', 'scale by the load again');

export const scaleExplainCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'explain',
    summary: 'say why a function has as many instances as it has, with the numbers and the last decisions',
    examples: ['pilotfish scale explain gridrec', 'pilotfish scale explain gridrec --last 100 -o json'],
  })
    .argument('<function>', 'its name')
    .addOption(flag('--last <decisions>', 'so many of the last 100 decisions').default(10).argParser(positiveInteger))
    .action(async (name: string, flags: ExplainFlags) => {
      const scale = await askPilot(context, flags.pilot, (pilot) =>
        suggestFunction(pilot, name, () => pilot.scale(name)),
      );
      const decisions = scale.decisions.slice(-flags.last);
      await outputOf(context, flags).one(name, scaleRecord(scale, flags.last), [
        ...scaleRows(scale),
        ...decisions.map((decision): [string, string] => ['decided', decisionText(decision)]),
      ]);
    });

function switchCommand(context: Parameters<CommandFactory>[0], name: 'pause' | 'resume', summary: string): Command {
  const paused = name === 'pause';
  return newCommand({
    name,
    summary,
    examples: [`pilotfish scale ${name} gridrec`, `pilotfish scale ${name} gridrec --in`],
  })
    .argument('<function>', 'its name')
    .addOption(flag('--in', 'only what stops instances'))
    .addOption(flag('--out', 'only what starts instances'))
    .action(async (functionName: string, flags: PauseFlags) => {
      const both = !flags.in && !flags.out;
      await change(context, flags, functionName, (before) => ({
        ...before,
        pausedIn: flags.in || both ? paused : before.pausedIn,
        pausedOut: flags.out || both ? paused : before.pausedOut,
      }));
    });
}

async function change(
  context: Parameters<CommandFactory>[0],
  options: CommonOptions,
  name: string,
  change: (before: ScaleOverride) => ScaleOverride | undefined,
): Promise<void> {
  const none: ScaleOverride = { pausedIn: false, pausedOut: false };
  const override = await askPilot(context, options.pilot, (pilot) =>
    suggestFunction(pilot, name, async () => {
      const { override: before }: GetScaleResponse = await pilot.scale(name);
      return await pilot.setScale(name, change(before ?? none));
    }),
  );
  const text = overrideText(override);
  await outputOf(context, options).one(name, { name, override: override ?? null }, [[name, text]]);
}

function definedOf(values: Readonly<Record<string, number | undefined>>): Partial<ScaleOverride> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function wholeNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}
