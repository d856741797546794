/** The bounds that hold for a function now: the manifest's, its schedule's, or what was set by hand. */
import { defaultTuning, type ScalePolicy } from '#autoscaler';
import { scheduledAt } from '#model';
import type { FunctionVersion, ScaleOverride } from '#proto';

export function policyOf(
  version: FunctionVersion,
  override: ScaleOverride | undefined,
  wallMs: number,
): ScalePolicy & { readonly weight: number } {
  const scale = version.spec?.scale;
  const scheduled = scheduledAt(scale?.schedule ?? [], wallMs);
  const { min, max } = scheduled ?? { min: scale?.min ?? 0, max: scale?.max ?? 1 };
  const isSet = override?.min !== undefined || override?.max !== undefined;
  return {
    // Where they contradict each other, what was set by hand holds.
    min: override?.min ?? Math.min(min, override?.max ?? max),
    max: override?.max ?? Math.max(max, override?.min ?? min),
    boundsBy: isSet ? '`scale set`' : scheduled && 'the schedule',
    drainTargetMs: scale?.drainTargetMs ?? 10_000,
    cooldownMs: scale?.cooldownMs ?? 30_000,
    paused: { in: override?.pausedIn ?? false, out: override?.pausedOut ?? false },
    tuning: defaultTuning,
    weight: override?.weight ?? (scale?.weight || 1),
  };
}
