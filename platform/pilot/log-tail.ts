/** The end of a log, for an error that it explains. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

const tailLines = 15;
const tailLineCharsMax = 400;

export function readTail(log: string): string {
  return `the end of ${basename(log)}:\n${lastLines(log)}`;
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
