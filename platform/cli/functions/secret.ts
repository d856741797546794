/** `pilotfish secret ...`: values that functions are given and nobody is shown. */
import type { Command } from 'commander';
import { PlatformError } from '#common';
import type { Secret } from '#proto';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf } from '../command.ts';
import { askPilot } from '../connection.ts';
import { readInput } from '../events/input.ts';
import { ageText, type ListView } from '../output/output.ts';

interface SetFlags extends CommonOptions {
  readonly file?: string;
}

/** The gateway takes no more. */
const valueBytesMax = 64 * 2 ** 10;

export const secretSetCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'set',
    summary: 'set a secret; its value comes from stdin or a file, never from the command line',
    examples: ['pilotfish secret set API_TOKEN < token.txt', 'pilotfish secret set API_TOKEN -f token.txt'],
  })
    .argument('<name>', 'capital letters, digits and "_"')
    .addOption(flag('-f, --file <path>', 'the value from a file'))
    .action(async (name: string, flags: SetFlags) => {
      if (!flags.file && context.stdin.isTTY) {
        throw new PlatformError('usage', 'the value is read from stdin, which is a terminal', {
          hint: `pilotfish secret set ${name} -f FILE, or: pilotfish secret set ${name} < FILE`,
        });
      }
      const bytes = await readInput(context, flags.file ? undefined : '-', flags, valueBytesMax);
      // Editors and echo end a file with a line feed that no token has.
      const value = Buffer.from(bytes)
        .toString('utf8')
        .replace(/\r?\n$/, '');
      await askPilot(context, flags.pilot, (pilot) => pilot.setSecret(name, value));
      const output = outputOf(context, flags);
      await output.one(name, { name, change: 'set' }, [[name, 'set']]);
      output.note('instances that start from now on are given it');
    });

export const secretListCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'list',
    summary: 'list the names of secrets',
    examples: ['pilotfish secret list', 'pilotfish secret list -o name'],
  })
    .alias('ls')
    .action(async (options: CommonOptions) => {
      const secrets = await askPilot(context, options.pilot, (pilot) => pilot.secrets());
      await outputOf(context, options).list(secrets, secretsView);
    });

export const secretRmCommand: CommandFactory = (context): Command =>
  newCommand({ name: 'rm', summary: 'remove a secret', examples: ['pilotfish secret rm API_TOKEN'] })
    .argument('<secret>', 'its name')
    .action(async (name: string, options: CommonOptions) => {
      await askPilot(context, options.pilot, (pilot) => pilot.deleteSecret(name));
      await outputOf(context, options).one(name, { name, change: 'removed' }, [[name, 'removed']]);
    });

const secretsView: ListView<Secret> = {
  columns: [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'AGE', text: ({ updatedAtMs }) => ageText(updatedAtMs, Date.now()) },
  ],
  name: ({ name }) => name,
  plain: ({ name, updatedAtMs }) => ({ name, updatedAt: new Date(updatedAtMs).toISOString() }),
  empty: 'no secrets',
};
