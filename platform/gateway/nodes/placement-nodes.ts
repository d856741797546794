/** The nodes as placement sees them. */
import { busyNodeUse } from '#autoscaler';
import type { Clock } from '#common';
import type { PlacementNode } from '#placement';
import type { NodeLink } from './node-link.ts';
import { isTrusted, type TrustMemory } from './node-trust.ts';

export function nodesFor(links: readonly NodeLink[], trust: TrustMemory, clock: Clock): PlacementNode[] {
  const now = clock.monotonic();
  const wallMs = clock.now();
  return links.map(({ entry, report, endsAtMs = entry.endsAt }) => ({
    id: entry.node,
    slots: isTrusted(trust, entry.node, now) ? entry.slots : Math.min(entry.slots, report?.node?.slotsUsed ?? 0),
    memoryBytes: entry.memoryBytes,
    gpus: entry.gpus,
    labels: entry.labels,
    remainingMs: endsAtMs === undefined ? undefined : endsAtMs - wallMs,
    busy: Math.max(report?.node?.cpuUsed ?? 0, report?.node?.memoryUsed ?? 0) >= busyNodeUse,
  }));
}
