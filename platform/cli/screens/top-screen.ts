/** What `top` draws: as many functions and decisions as the terminal has lines for, each on one line. */
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
  const widest = Math.max(8, ...functions.map(({ name }) => name.length));
  const room = Math.max(2, rows - ownLines);
  // Functions come first; decisions have a third of the room where there is not enough for both.
  const decided = recent.slice(-Math.max(Math.floor(room / 3), room - functions.length, 1));
  const shown = functions.slice(0, room - decided.length);
  const hidden = functions.length - shown.length;
  const lines = [
    `${new Date(timeMs).toISOString().slice(11, 19)}  ${ready} of ${formatCount(nodes.length, 'node')} ready, ${countText(used)} of ${formatCount(slots, 'slot')} used${walltimeText(jobs, timeMs)}`,
    '',
    `${'FUNCTION'.padEnd(widest)}   READY/WANTED       LAG     HANDLED  FAILED  ${columns < wideFrom ? '' : wideTitles}WHY`,
    ...shown.map((summary) => functionLine(summary, widest, columns >= wideFrom)),
    hidden > 0 ? `and ${hidden} more: pilotfish list` : '',
    ...decided.map((decision) => `${decision.function.padEnd(widest)}  ${decisionText(decision)}`),
  ];
  const cut = (line: string) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line);
  return home + lines.map((line) => `${cut(printableCell(line))}${clearLine}\n`).join('') + clearBelow;
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
    name.padEnd(widest),
    `${instancesReady}/${instancesWanted}`.padStart(14),
    (lag < 0 ? '?' : countText(lag)).padStart(9),
    countText(handled).padStart(11),
    countText(failed).padStart(7),
    ...(isWide ? wideCells(summary) : []),
    ` ${scaleReason}`,
  ].join(' ');
}
