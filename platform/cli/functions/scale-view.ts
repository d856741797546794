/** How scaling is shown: rows for people, a stable shape for machines. */
import { formatDuration } from '#common';
import type { GetScaleResponse, ScaleDecision, ScaleOverride } from '#proto';
import { countText } from '../output/output.ts';

export function scaleRows(scale: GetScaleResponse): [string, string][] {
  const { name, wanted, ready, min, max, boundsBy, weight, override } = scale;
  return [
    ['function', name],
    ['instances', `${ready} ready, ${wanted} wanted`],
    ['bounds', `${min} to ${max} by ${boundsBy}, weight ${weight}`],
    ['set by hand', overrideText(override)],
    ['why', scale.reason],
    ['lag', scale.lag < 0 ? 'unknown' : countText(scale.lag)],
    ['arrivals', rateText(scale)],
    ['a call', scale.serviceMs > 0 ? `${msText(scale.serviceMs)}, p99 ${msText(scale.p99Ms)}` : 'not measured yet'],
    ['a start', scale.startMs > 0 ? msText(scale.startMs) : 'not seen yet'],
    ['its nodes', nodesText(scale)],
    ['scalability', fitText(scale)],
  ];
}

/** With the last so many decisions. */
export function scaleRecord(scale: GetScaleResponse, last: number): object {
  const { override, fit, decisions, ...rest } = scale;
  return {
    ...rest,
    override: override ?? null,
    fit: fit ?? null,
    ...(last > 0 ? { decisions: decisions.slice(-last).map(decisionRecord) } : {}),
  };
}

export function decisionRecord({ timeMs, from, to, reason }: ScaleDecision): object {
  return { time: new Date(timeMs).toISOString(), from, to, reason };
}

/** "10:04:05.120 2 -> 5: lag 2,140, ..." */
export function decisionText({ timeMs, from, to, reason }: ScaleDecision): string {
  return `${new Date(timeMs).toISOString().slice(11, 23)} ${from} -> ${to}: ${reason}`;
}

export function overrideText(override: ScaleOverride | undefined): string {
  if (!override) return 'nothing';
  const { min, max, weight, pausedIn, pausedOut } = override;
  const parts = [
    ...(min === undefined ? [] : [`min ${min}`]),
    ...(max === undefined ? [] : [`max ${max}`]),
    ...(weight === undefined ? [] : [`weight ${weight}`]),
    ...(pausedIn ? ['scale-in paused'] : []),
    ...(pausedOut ? ['scale-out paused'] : []),
  ];
  return parts.join(', ') || 'nothing';
}

function rateText({ ratePerSecond, rateMode, rateWindowMs }: GetScaleResponse): string {
  if (ratePerSecond < 0) return 'unknown';
  return `${Number(ratePerSecond.toPrecision(3))}/s over ${formatDuration(Math.round(rateWindowMs / 1_000) * 1_000)} (${rateMode})`;
}

function nodesText({ nodesCpuUsed, nodesMemoryUsed, localNode, localShare }: GetScaleResponse): string {
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  const data = localNode === '' ? '' : `${percent(localShare)} of its waiting data on ${localNode}`;
  if (nodesCpuUsed < 0) return data || 'none';
  const use = `cores ${percent(nodesCpuUsed)} busy, memory ${percent(nodesMemoryUsed)} used`;
  return data === '' ? use : `${use}; ${data}`;
}

function fitText({ fit }: GetScaleResponse): string {
  if (!fit) return 'too little seen at different numbers of instances';
  const best = fit.best === 0 ? 'no best number in sight' : `best at ${fit.best}`;
  const used = fit.confidence >= 0.9 ? 'used' : 'not used below 0.90';
  return `${best}; lambda ${fit.lambda.toPrecision(3)}/s, sigma ${fit.sigma.toFixed(3)}, kappa ${fit.kappa.toFixed(4)}, confidence ${fit.confidence.toFixed(2)} (${used})`;
}

function msText(ms: number): string {
  return ms < 10 ? `${ms.toFixed(2)} ms` : `${Math.round(ms)} ms`;
}
