/** What `top` draws: as many functions and decisions as the terminal has lines for, each on one line. */
import type { FunctionSummary, ScaleDecision, WatchResponse } from '#proto';
import type { CliStream } from '../context.ts';
import { decisionText } from '../functions/scale-view.ts';
import { countText } from '../output/output.ts';
import { printableCell } from '../output/printable.ts';

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

const home = '\u001b[H';
const clearLine = '\u001b[K';
const clearBelow = '\u001b[J';
/** Heading, titles and the blank lines around; the cursor has the last line. */
const ownLines = 5;

/** A terminal that does not know its size says 0. */
export function sizeOf(stream: CliStream): ScreenSize {
  const { columns, rows } = stream as Partial<ScreenSize>;
  return { columns: columns || 80, rows: rows || 24 };
}

export function topScreen(
  { timeMs, nodes, functions }: WatchResponse,
  recent: readonly ScaleDecision[],
  { columns, rows }: ScreenSize,
): string {
  const used = nodes.reduce((sum, node) => sum + node.slotsUsed, 0);
  const slots = nodes.reduce((sum, node) => sum + node.slots, 0);
  const ready = nodes.filter(({ state }) => state === 'ready').length;
  const widest = Math.max(8, ...functions.map(({ name }) => name.length));
  const room = Math.max(2, rows - ownLines);
  // Functions come first; decisions have a third of the room where there is not enough for both.
  const decided = recent.slice(-Math.max(Math.floor(room / 3), room - functions.length, 1));
  const shown = functions.slice(0, room - decided.length);
  const hidden = functions.length - shown.length;
  const lines = [
    `${new Date(timeMs).toISOString().slice(11, 19)}  ${ready} of ${nodes.length} nodes ready, ${countText(used)} of ${countText(slots)} slots used`,
    '',
    `${'FUNCTION'.padEnd(widest)}   READY/WANTED       LAG     HANDLED  FAILED  WHY`,
    ...shown.map((summary) => functionLine(summary, widest)),
    hidden > 0 ? `and ${hidden} more: pilotfish list` : '',
    ...decided.map((decision) => `${decision.function.padEnd(widest)}  ${decisionText(decision)}`),
  ];
  const cut = (line: string) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line);
  return home + lines.map((line) => `${cut(printableCell(line))}${clearLine}\n`).join('') + clearBelow;
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
