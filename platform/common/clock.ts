/** Time as a dependency: decisions and loops take a Clock, so that tests can drive them. */

export interface Clock {
  /** Wall time, milliseconds since 1970; for records and messages. */
  now(): number;
  /** Monotonic milliseconds; for every measured span and deadline. */
  monotonic(): number;
  /** Resolves after the delay, or at once when the signal aborts. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep(delayMs, signal) {
    if (signal?.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal?.addEventListener('abort', done, { once: true });
    return promise;
  },
};
