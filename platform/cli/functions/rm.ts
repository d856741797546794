/** `pilotfish rm FN`: a function with all its versions. */
import type { Command } from 'commander';
import { type CommandFactory, type CommonOptions, newCommand, outputOf } from '../command.ts';
import { askPilot, suggestFunction } from '../connection.ts';

export const rmCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'rm',
    summary: 'remove a function and its versions; its stored events stay',
    examples: ['pilotfish rm echo'],
  })
    .argument('<function>', 'its name')
    .action(async (name: string, options: CommonOptions) => {
      await askPilot(context, options.pilot, (pilot) => suggestFunction(pilot, name, () => pilot.remove(name)));
      await outputOf(context, options).one(name, { name, change: 'removed' }, [[name, 'removed']]);
    });
