/** Collects what the scalability fit is made of: the throughput at each count of instances, only while all of them had work. */
import { fitUsl, type UslFit, type UslSample } from './usl.ts';

export interface ThroughputMemory {
  /** The span being measured: since when, with how many instances, how many calls had ended. */
  readonly span: { readonly since: number; readonly instances: number; readonly ended: number } | undefined;
  readonly samples: readonly UslSample[];
  readonly fit: UslFit | undefined;
}

export const noThroughput: ThroughputMemory = { span: undefined, samples: [], fit: undefined };

/** A sample takes this long: several reports of each node. */
const spanMs = 2_000;
/** Older samples are of another time of day. */
const samplesAgeMs = 10 * 60_000;
const samplesMax = 240;

export function rememberThroughput(
  memory: ThroughputMemory,
  { now, ready, ended, saturated }: { now: number; ready: number; ended: number; saturated: boolean },
): ThroughputMemory {
  const { span } = memory;
  const begun = { since: now, instances: ready, ended };
  if (!saturated || ready === 0) return span ? { ...memory, span: undefined } : memory;
  if (!span || span.instances !== ready || ended < span.ended) return { ...memory, span: begun };
  if (now - span.since < spanMs) return memory;
  const sample = { at: now, instances: ready, perSecond: ((ended - span.ended) * 1_000) / (now - span.since) };
  const samples = [...memory.samples, sample].filter((entry) => now - entry.at < samplesAgeMs).slice(-samplesMax);
  return { span: begun, samples, fit: fitUsl(samples) };
}
