/** Waits for something to become true, with a deadline: tests never sleep. */

export interface EventuallyOptions {
  readonly timeoutMs: number;
  /** For the error. */
  readonly what: string;
}

const pollMs = 20;

/** Polls until `check` returns something truthy and does not throw; then returns it. The error names the last failure. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs, what }: EventuallyOptions,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const found = await check();
      if (found) return found;
      last = found;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= deadline) {
      const why = last instanceof Error ? last.message : String(last);
      throw new Error(`${what} did not happen within ${timeoutMs} ms (last: ${why})`, { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
