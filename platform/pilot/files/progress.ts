/** One line of JSON that a launcher writes to `up` on its progress descriptor. */

import { z } from 'zod';
import { isErrorCode, messageOf, PlatformError } from '#common';

const progressSchema = z.union([
  /** A part of the node is up; milliseconds since the job's start, where there is no job the launcher's. */
  z.strictObject({ phase: z.string(), ms: z.number() }),
  z.strictObject({ ready: z.literal(true), ms: z.number() }),
  /** The launcher gives up; `log` is the file that explains it. */
  z.strictObject({
    failed: z.strictObject({ code: z.string(), message: z.string(), hint: z.string(), log: z.string() }),
  }),
]);
export type LauncherProgress = z.infer<typeof progressSchema>;

/** Undefined for a line that is no progress message. */
export function parseProgress(line: string): LauncherProgress | undefined {
  try {
    const parsed = progressSchema.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    // Not JSON: a stray line of a foreign program.
    return undefined;
  }
}

export function failedProgress(thrown: unknown, log: string): LauncherProgress {
  const error = PlatformError.from(thrown);
  return { failed: { code: error.code, message: messageOf(error), hint: error.hint, log } };
}

/** The error that a launcher reported. */
export function progressError(
  failed: Extract<LauncherProgress, { failed: unknown }>['failed'],
  node: string,
): PlatformError {
  const code = isErrorCode(failed.code) ? failed.code : 'internal';
  return new PlatformError(code, `node ${node}: ${failed.message}`, { hint: failed.hint });
}
