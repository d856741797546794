/** `pilotfish top`: the functions and nodes as they change, and why; plain lines of decisions where no terminal is. */
import type { Command } from 'commander';
import type { FunctionSummary, ScaleDecision, WatchResponse } from '#proto';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf, positiveInteger } from './command.ts';
import type { CliContext } from './context.ts';
import { followPilot } from './follow-pilot.ts';
import { countText, type Output } from './output.ts';
import { printableCell } from './printable.ts';
import { decisionText } from './scale-view.ts';

interface TopFlags extends CommonOptions {
  readonly count?: number;
}

/** Lines of decisions below the table. */
const decisionsShown = 8;
/** A screen that flickers is no help. */
const redrawMs = 500;
const home = '\u001b[H';
const clearLine = '\u001b[K';
const clearBelow = '\u001b[J';
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
      context.stdout.write(screen(seen, recent));
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

function screen({ timeMs, nodes, functions }: WatchResponse, recent: readonly ScaleDecision[]): string {
  const used = nodes.reduce((sum, node) => sum + node.slotsUsed, 0);
  const slots = nodes.reduce((sum, node) => sum + node.slots, 0);
  const ready = nodes.filter(({ state }) => state === 'ready').length;
  const widest = Math.max(8, ...functions.map(({ name }) => name.length));
  const lines = [
    `${new Date(timeMs).toISOString().slice(11, 19)}  ${ready} of ${nodes.length} nodes ready, ${countText(used)} of ${countText(slots)} slots used`,
    '',
    `${'FUNCTION'.padEnd(widest)}   READY/WANTED       LAG     HANDLED  FAILED  WHY`,
    ...functions.map((summary) => functionLine(summary, widest)),
    '',
    ...recent.map((decision) => `${decision.function.padEnd(widest)}  ${decisionText(decision)}`),
  ];
  return home + lines.map((line) => `${printableCell(line)}${clearLine}\n`).join('') + clearBelow;
}

function functionLine(summary: FunctionSummary, widest: number): string {
  const { name, instancesReady, instancesWanted, lag, handled, failed, scaleReason } = summary;
  return [
    name.padEnd(widest),
    `${instancesReady}/${instancesWanted}`.padStart(14),
    (lag < 0 ? '?' : countText(lag)).padStart(9),
    countText(handled).padStart(11),
    countText(failed).padStart(7),
    ` ${scaleReason}`,
  ].join(' ');
}
