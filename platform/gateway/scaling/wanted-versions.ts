/** Which versions have instances: the latest of each function, and the canary that is tried against it. */
import type { FunctionVersion } from '#proto';
import type { Registry } from '#registry';
import { canaryInstances } from '#routing';

/** A version that has instances. */
export interface WantedVersion {
  /** Names it among all that are wanted: the function's name, or its canary's. */
  readonly id: string;
  readonly version: FunctionVersion;
  /** Its events are shared with this one. */
  readonly canary?: { readonly id: string; readonly digest: string; readonly percent: number } | undefined;
  /** False for a canary: it is given events by the version that it is tried against. */
  readonly pull: boolean;
}

/** Instances: how many are wanted, and how many of them have work to do. */
export interface WantedCount {
  readonly wanted: number;
  readonly needed: number;
}

export const wantsNothing: WantedCount = { wanted: 0, needed: 0 };

/** Canaries first: they have to find room beside the version that they are tried against, which gives it. */
export function wantedVersions(registry: Registry): WantedVersion[] {
  const functions = registry.list().map(({ name }) => ({ name, tried: registry.canaryOf(name) }));
  const canaries = functions.flatMap(({ name, tried }) =>
    tried ? [{ id: canaryId(name), version: tried.version, pull: false }] : [],
  );
  const latest = functions.map(({ name, tried }) => ({
    id: name,
    version: registry.latest(name),
    pull: true,
    canary: tried && { id: canaryId(name), digest: tried.version.digest, percent: tried.canary.percent },
  }));
  return [...canaries, ...latest];
}

/** No function can be named so. */
function canaryId(name: string): string {
  return `${name}=canary`;
}

/** A canary takes instances over from the version beside it, down to its last one. */
export function shareWithCanaries(
  versions: readonly WantedVersion[],
  decided: ReadonlyMap<string, WantedCount>,
): Map<string, WantedCount> {
  const counts = new Map(decided);
  for (const { id, canary } of versions) {
    const { wanted, needed } = decided.get(id) ?? wantsNothing;
    if (!canary || wanted === 0) continue;
    const taken = canaryInstances(wanted, canary.percent);
    const left = Math.max(1, wanted - taken);
    counts.set(canary.id, { wanted: taken, needed: needed > 0 ? taken : 0 });
    counts.set(id, { wanted: left, needed: Math.min(needed, left) });
  }
  return counts;
}
