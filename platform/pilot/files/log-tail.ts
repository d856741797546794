/** The end of a log, for an error that it explains. */
import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';

const tailLines = 15;
const tailsMax = 2;
const tailLineCharsMax = 400;

export function readTail(log: string): string {
  return `the end of ${basename(log)}:\n${lastLines(log)}`;
}

/** Of the first logs that say anything: a scheduler's own words, and those of the node that could not start. */
export function readTails(logs: readonly string[]): string {
  const telling = logs.filter((log) => (statSync(log, { throwIfNoEntry: false })?.size ?? 0) > 0);
  const shown = telling.length > 0 ? telling.slice(0, tailsMax) : logs.slice(0, 1);
  return shown.map(readTail).join('\n');
}

function lastLines(log: string): string {
  try {
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-tailLines);
    return lines.map((line) => `  ${line.slice(0, tailLineCharsMax)}`).join('\n');
  } catch {
    // The process never got so far as to open it.
    return '  (empty)';
  }
}
