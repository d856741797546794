/**
 * The time of a call, steady enough to count instances by. What agents report forgets after some 32 calls: with a few very
 * long calls among short ones it swings by half. Averaged over ten seconds it does not.
 */

export interface ServiceMemory {
  readonly since: number;
  readonly at: number;
  readonly ms: number;
}

const averagedOverMs = 10_000;

/** Undefined until a call has ended. The first seconds are their plain average. */
export function rememberService(
  memory: ServiceMemory | undefined,
  now: number,
  serviceMs: number | undefined,
): ServiceMemory | undefined {
  if (serviceMs === undefined) return memory;
  if (!memory) return { since: now, at: now, ms: serviceMs };
  const span = now - memory.at;
  if (span <= 0) return memory;
  const weight = Math.max(1 - Math.exp(-span / averagedOverMs), span / (now - memory.since));
  return { since: memory.since, at: now, ms: memory.ms + weight * (serviceMs - memory.ms) };
}
