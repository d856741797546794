/**
 * What `top` draws: as many functions and decisions as the terminal has lines for, each on one line. Functions that do
 * something come first, and long names give way to what is said of them. Pure.
 */
import { formatCount, formatDuration } from '#common';
import type { FunctionSummary, PilotJob, ScaleDecision, WatchResponse } from '#proto';
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

/** From so many columns on there is room for rates and times beside the reason. */
const wideFrom = 120;
/** Of the columns, the names have so much where they are long. */
const namesShareMax = 0.3;
/** Enough to tell names apart on a narrow terminal. */
const namesLeast = 16;

/** A terminal that does not know its size says 0. */
export function sizeOf(stream: CliStream): ScreenSize {
  const { columns, rows } = stream as Partial<ScreenSize>;
  return { columns: columns || 80, rows: rows || 24 };
}

export function topScreen(
  { timeMs, nodes, functions, jobs }: WatchResponse,
  recent: readonly ScaleDecision[],
  { columns, rows }: ScreenSize,
): string {
  const used = nodes.reduce((sum, node) => sum + node.slotsUsed, 0);
  const slots = nodes.reduce((sum, node) => sum + node.slots, 0);
  const ready = nodes.filter(({ state }) => state === 'ready').length;
  const room = Math.max(2, rows - ownLines);
  // Functions come first; decisions have a third of the room where there is not enough for both.
  const decided = recent.slice(-Math.max(Math.floor(room / 3), room - functions.length, 1));
  const shown = busyFirst(functions).slice(0, room - decided.length);
  const hidden = functions.length - shown.length;
  const longest = Math.max(
    8,
    ...[...shown.map(({ name }) => name), ...decided.map((each) => each.function)].map(({ length }) => length),
  );
  const widest = Math.min(longest, Math.max(namesLeast, Math.floor(columns * namesShareMax)));
  const lines = [
    `${new Date(timeMs).toISOString().slice(11, 19)}  ${ready} of ${formatCount(nodes.length, 'node')} ready, ${countText(used)} of ${formatCount(slots, 'slot')} used${walltimeText(jobs, timeMs)}`,
    '',
    `${'FUNCTION'.padEnd(widest)}    READY      LAG     HANDLED  FAILED  ${columns < wideFrom ? '' : wideTitles}WHY`,
    ...shown.map((summary) => functionLine(summary, widest, columns >= wideFrom)),
    hidden > 0 ? `and ${hidden} more: pilotfish list` : '',
    ...decided.map((decision) => `${shortName(decision.function, widest)}  ${decisionText(decision)}`),
  ];
  const cut = (line: string) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line);
  return home + lines.map((line) => `${cut(printableCell(line))}${clearLine}\n`).join('') + clearBelow;
}

/** Those that work, have work or are to start; the order within each part stays, so that lines do not jump. */
function busyFirst(functions: readonly FunctionSummary[]): FunctionSummary[] {
  const isBusy = ({ instancesReady, instancesWanted, lag }: FunctionSummary) =>
    instancesReady > 0 || instancesWanted > 0 || lag > 0;
  return [...functions.filter(isBusy), ...functions.filter((each) => !isBusy(each))];
}

/** Names of one pipeline begin alike and often end in what tells them apart: the middle goes. */
function shortName(name: string, width: number): string {
  if (name.length <= width) return name.padEnd(width);
  const head = Math.ceil((width - 1) / 2);
  return `${name.slice(0, head)}…${name.slice(name.length - (width - 1 - head))}`;
}

/** Of the job that ends first. */
function walltimeText(jobs: readonly PilotJob[], nowMs: number): string {
  const ends = jobs.map(({ endsAtMs }) => endsAtMs).filter((end) => end > 0);
  return ends.length === 0 ? '' : `, ${formatDuration(Math.max(0, Math.min(...ends) - nowMs))} left`;
}

const wideTitles = '  COME/S       P50       P99  ';

function wideCells({ metrics }: FunctionSummary): string[] {
  const { ratePerSecond = -1, p50Ms = 0, p99Ms = 0 } = metrics ?? {};
  const time = (ms: number) => (ms > 0 ? formatDuration(ms) : '-').padStart(9);
  return [(ratePerSecond < 0 ? '?' : ratePerSecond.toFixed(1)).padStart(9), time(p50Ms), time(p99Ms)];
}

function functionLine(summary: FunctionSummary, widest: number, isWide: boolean): string {
  const { name, instancesReady, instancesWanted, lag, handled, failed, scaleReason } = summary;
  return [
    shortName(name, widest),
    `${instancesReady}/${instancesWanted}`.padStart(8),
    (lag < 0 ? '?' : countText(lag)).padStart(8),
    countText(handled).padStart(11),
    countText(failed).padStart(7),
    ...(isWide ? wideCells(summary) : []),
    ` ${scaleReason}`,
  ].join(' ');
}
