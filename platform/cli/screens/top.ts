/** `pilotfish top`: the functions and nodes as they change, and why; plain lines of decisions where no terminal is. */
import type { Command } from 'commander';
import type { ScaleDecision } from '#proto';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf, positiveInteger } from '../command.ts';
import type { CliContext } from '../context.ts';
import { followPilot } from '../follow-pilot.ts';
import { decisionText } from '../functions/scale-view.ts';
import type { Output } from '../output/output.ts';
import { sizeOf, topScreen } from './top-screen.ts';

interface TopFlags extends CommonOptions {
  readonly count?: number;
}

/** Lines of decisions below the table. */
const decisionsShown = 8;
/** A screen that flickers is no help. */
const redrawMs = 500;
const clearScreen = '\u001b[2J';

export const topCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'top',
    summary: 'watch the functions and why they scale; Ctrl-C ends',
    examples: ['pilotfish top', 'pilotfish top --count 20 > decisions.txt', 'pilotfish top -o json --count 1'],
  })
    .addOption(flag('--count <lines>', 'end after so many decisions').argParser(positiveInteger))
    .action((flags: TopFlags) => top(context, flags));

async function top(context: CliContext, flags: TopFlags): Promise<void> {
  const output = outputOf(context, flags);
  const isLive = output.isTerminal && flags.output === undefined;
  if (isLive) context.stdout.write(clearScreen);
  else output.note('decisions as they are made, those that are kept first; Ctrl-C ends');
  let left = flags.count ?? Number.POSITIVE_INFINITY;
  let recent: ScaleDecision[] = [];
  let drawnAt = 0;
  for await (const seen of followPilot(context, flags.pilot, (pilot) => pilot.watch(context.signal))) {
    recent = [...recent, ...seen.decisions].slice(-decisionsShown);
    if (isLive && seen.timeMs - drawnAt >= redrawMs) {
      drawnAt = seen.timeMs;
      context.stdout.write(topScreen(seen, recent, sizeOf(context.stdout)));
    }
    for (const decision of seen.decisions) {
      if (!isLive) printDecision(output, decision);
      if (--left <= 0) return;
    }
  }
  context.signal.throwIfAborted();
}

function printDecision(output: Output, decision: ScaleDecision): void {
  const { function: name, timeMs, from, to, reason } = decision;
  if (output.format === 'name') return output.line(name);
  const plain = { time: new Date(timeMs).toISOString(), function: name, from, to, reason };
  output.entry(plain, `${name}\t${decisionText(decision)}`);
}
