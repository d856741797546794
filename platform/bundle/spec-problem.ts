/** What is wrong with one function of a manifest, and where; and the checks that several keys share. */
import { parseDurationMs } from '#common';

export class SpecProblem extends Error {
  /** Below the function's own key. */
  readonly path: readonly PropertyKey[];
  readonly hint: string;

  constructor(path: readonly PropertyKey[], message: string, hint = '') {
    super(message);
    this.name = 'SpecProblem';
    this.path = path;
    this.hint = hint;
  }
}

/** A call of a day is a scheduler job. */
const durationMsMax = 24 * 3_600_000;

/** A duration's milliseconds. Throws SpecProblem where it is too short or longer than a day. */
export function durationMs(text: string, path: readonly PropertyKey[], minMs: number): number {
  const ms = parseDurationMs(text);
  if (ms < minMs) throw new SpecProblem(path, `"${text}" is too short; the shortest is ${minMs}ms`);
  if (ms > durationMsMax) throw new SpecProblem(path, `"${text}" is too long; the longest is 24h`);
  return ms;
}
