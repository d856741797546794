/** Which node takes a call. Pure; asked once a call, so it looks at what a report says of versions, not at its instances. */
import type { FunctionVersion, ReportResponse } from '#proto';
import { mayRunOn, type NodeKind } from '#routing';
import { whatSays } from '../nodes/node-says.ts';

export interface CallNode {
  readonly entry: NodeKind;
  /** Undefined until it has reported. */
  readonly report: ReportResponse | undefined;
  /** This gateway's calls that it has under way. */
  readonly openCalls: number;
}

/** Further apart than a node can have calls: whoever is ready comes before a spare one, that before one that starts. */
const spareRank = 0.5e6;
const startingRank = 1e6;
const emptyRank = 2e6;

/** Least calls an instance among nodes with a ready one; else one that is starting; else the one with most free slots. */
export function chooseNode<N extends CallNode>(nodes: readonly N[], version: FunctionVersion): N | undefined {
  let best: N | undefined;
  let bestRank = Number.POSITIVE_INFINITY;
  for (const node of nodes) {
    const rank = rankOf(node, version);
    if (rank < bestRank) {
      best = node;
      bestRank = rank;
    }
  }
  return best;
}

/** Lower is better; Infinity cannot serve. */
function rankOf({ entry, report, openCalls }: CallNode, version: FunctionVersion): number {
  const node = report?.node;
  if (!node) return Number.POSITIVE_INFINITY;
  const { ready = 0, active = 0, spare = 0 } = whatSays(report).versions.get(version.digest) ?? {};
  if (ready > 0) return openCalls / ready;
  if (spare > 0) return spareRank + openCalls;
  if (active > 0) return startingRank + openCalls;
  const free = node.slots - node.slotsUsed;
  const canStart = free >= (version.spec?.resources?.cpu ?? 1) && mayRunOn(version.spec, entry);
  return canStart ? emptyRank - free : Number.POSITIVE_INFINITY;
}
