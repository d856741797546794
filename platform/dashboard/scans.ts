/** Scans as gathers tell of them: a scan is the first token of a key, and may be gathered in several pieces by several functions. */
import type { FunctionSummary, GatherProgress } from '#proto';
import { byName } from './format.ts';

export interface Scan {
  readonly id: string;
  readonly functionName: string;
  /** By kind, over all of its keys. */
  readonly received: Readonly<Record<string, number>>;
  readonly expected: Readonly<Record<string, number>>;
  readonly keys: number;
  readonly closed: number;
  /** Closed before all parts had come. */
  readonly incomplete: number;
  readonly openedAtMs: number;
  readonly lastPartAtMs: number;
}

/** The newest first. */
export function scansOf(functions: readonly FunctionSummary[]): Scan[] {
  const scans = functions.flatMap(({ name, metrics }) => {
    const byScan = Map.groupBy(metrics?.gathers ?? [], ({ key }) => key.split('.', 1)[0] ?? key);
    return [...byScan].map(([id, gathers]) => scanOf(id, name, gathers));
  });
  return scans.sort((a, b) => b.openedAtMs - a.openedAtMs || byName(a.id, b.id));
}

function scanOf(id: string, functionName: string, gathers: readonly GatherProgress[]): Scan {
  const closed = gathers.filter(({ closedAtMs }) => closedAtMs > 0);
  return {
    id,
    functionName,
    received: total(gathers.map((gather) => gather.received)),
    expected: total(gathers.map((gather) => gather.expected)),
    keys: gathers.length,
    closed: closed.length,
    incomplete: closed.filter(({ reason }) => reason !== 'complete').length,
    openedAtMs: Math.min(...gathers.map(({ openedAtMs }) => openedAtMs)),
    lastPartAtMs: Math.max(...gathers.map(({ lastPartAtMs }) => lastPartAtMs)),
  };
}

function total(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const each of counts) for (const [kind, count] of Object.entries(each)) sums[kind] = (sums[kind] ?? 0) + count;
  return sums;
}
