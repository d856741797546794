/** Waits that end: a promise against a deadline, or a signal. */
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

/** Settles like `promise`, or rejects with the signal's reason once it is aborted. The promise itself goes on. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
    promise.catch(() => undefined);
  }
}
