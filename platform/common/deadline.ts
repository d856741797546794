/** Waits that end: a promise against a deadline. */
import { PlatformError } from './platform-error.ts';

/** Settles like `promise`, or rejects with `timeout` naming `what` after `timeoutMs`. The promise itself goes on. */
export async function withDeadline<T>(promise: Promise<T>, timeoutMs: number, what: string, hint = ''): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new PlatformError('timeout', `${what} did not happen within ${timeoutMs} ms`, { hint })),
    timeoutMs,
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
