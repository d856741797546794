/** How durations, sizes and counts are written in a manifest. */
import { z } from 'zod';

const durationPattern = /^(\d+(\.\d+)?(ms|s|m|h|d))+$/;
const sizePattern = /^\d+(\.\d+)?\s*(B|KiB|MiB|GiB|kB|MB|GB)?$/;

export const duration = (what: string) =>
  written(durationPattern, 'is no duration: write it like 250ms, 30s, 5m or 1h30m').describe(what);

export const size = (what: string) =>
  written(sizePattern, 'is no size: write it like 64KiB, 512MiB or 2GiB').describe(what);

/** A number without its unit is told the same as a text that is none. */
function written(pattern: RegExp, problem: string) {
  return z.string({ error: ({ input }) => (input === undefined ? undefined : problem) }).regex(pattern, problem);
}

export const count = (what: string, min: number, max: number) => z.int().min(min).max(max).describe(what);
