/** `pilotfish trigger ...`: what triggers functions; hold one back for a while. */
import type { Command } from 'commander';
import type { TriggerSummary } from '#proto';
import { type CommandFactory, type CommonOptions, newCommand, outputOf } from '../command.ts';
import { askPilot, suggestFunction } from '../connection.ts';
import { countText, type ListView } from '../output/output.ts';
import { triggerRecord, triggerStateText, triggerText } from '../output/trigger-text.ts';

export const triggerListCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'list',
    summary: 'list triggers, and how many events wait at each',
    examples: ['pilotfish trigger list', 'pilotfish trigger list gridrec -o wide'],
  })
    .alias('ls')
    .argument('[function]', 'only those of one function')
    .action(async (name: string | undefined, options: CommonOptions) => {
      const triggers = await askPilot(context, options.pilot, (pilot) =>
        name === undefined ? pilot.triggers() : suggestFunction(pilot, name, () => pilot.triggers(name)),
      );
      await outputOf(context, options).list(triggers, triggersView);
    });

export const triggerPauseCommand: CommandFactory = (context): Command =>
  switchCommand(context, {
    name: 'pause',
    summary: 'give a function no more events of one trigger; what comes meanwhile is kept',
    paused: true,
  });

export const triggerResumeCommand: CommandFactory = (context): Command =>
  switchCommand(context, { name: 'resume', summary: 'go on with what was kept, oldest first', paused: false });

function switchCommand(
  context: Parameters<CommandFactory>[0],
  { name, summary, paused }: { name: string; summary: string; paused: boolean },
): Command {
  const examples = [`pilotfish trigger ${name} gridrec on0`, `pilotfish trigger ${name} nightly clock -o json`];
  return newCommand({ name, summary, examples })
    .argument('<function>', 'its name')
    .argument('<trigger>', 'as `trigger list` names it')
    .action(async (functionName: string, trigger: string, options: CommonOptions) => {
      const changed = await askPilot(context, options.pilot, (pilot) =>
        suggestFunction(pilot, functionName, () => pilot.pauseTrigger(functionName, trigger, paused)),
      );
      const output = outputOf(context, options);
      const state = paused ? 'paused' : 'running';
      await output.one(trigger, { function: functionName, trigger, state, changed }, [[trigger, state]]);
      if (!changed) output.note('it was so already');
    });
}

const triggersView: ListView<TriggerSummary> = {
  columns: [
    { title: 'FUNCTION', text: ({ function: name }) => name },
    { title: 'TRIGGER', text: ({ trigger }) => trigger?.name ?? '' },
    { title: 'STATE', text: (summary) => triggerStateText(summary, Date.now()) },
    { title: 'LAG', text: ({ lag }) => (lag < 0 ? '?' : countText(lag)) },
    { title: 'WHAT', text: ({ trigger }) => (trigger ? triggerText(trigger) : '') },
    { title: 'URL', text: ({ url }) => url, wide: true },
  ],
  name: ({ function: name, trigger }) => `${name}/${trigger?.name}`,
  plain: triggerRecord,
  empty: 'no triggers',
};
