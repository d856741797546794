/**
 * Which nodes do what they were told. One that took its wanted set and then, for some seconds, neither runs its instances
 * nor says why, lies or is stuck: for a while nothing more is placed there than what it does run, so that others run the rest.
 */

import type { WantedByFunction } from '#registry';
import type { NodeLink } from './node-link.ts';
import { whatSays } from './node-says.ts';

export interface NodeDoing {
  readonly node: string;
  /** It has taken the newest wanted set. */
  readonly told: boolean;
  /** Instances that it should run, and those that it runs or starts; the first is 0 where it says why it cannot. */
  readonly wanted: number;
  readonly running: number;
}

interface Mark {
  /** Since when it has been behind; undefined while it is not. */
  readonly behindSince: number | undefined;
  readonly distrustedUntil: number;
}

export type TrustMemory = ReadonlyMap<string, Mark>;

/** Longer than a slow cold start with its artifact. */
const patienceMs = 10_000;
const distrustMs = 30_000;

export function judgeNodes(memory: TrustMemory, now: number, nodes: readonly NodeDoing[]): TrustMemory {
  const marks = new Map<string, Mark>();
  for (const { node, told, wanted, running } of nodes) {
    const before = memory.get(node) ?? { behindSince: undefined, distrustedUntil: Number.NEGATIVE_INFINITY };
    const behindSince = told && running < wanted ? (before.behindSince ?? now) : undefined;
    const isLate = behindSince !== undefined && now - behindSince > patienceMs;
    marks.set(node, {
      behindSince: isLate ? undefined : behindSince,
      distrustedUntil: isLate ? now + distrustMs : before.distrustedUntil,
    });
  }
  return marks;
}

/** From what each node reports against what it was told. */
export function watchNodes(
  memory: TrustMemory,
  now: number,
  links: readonly NodeLink[],
  wanted: WantedByFunction,
): TrustMemory {
  const byNode = new Map<string, number>();
  for (const placed of wanted.values())
    for (const [node, count] of placed) byNode.set(node, (byNode.get(node) ?? 0) + count);
  const doing = links.map((link): NodeDoing => {
    const { node } = link.entry;
    const { active, explains } = whatSays(link.report);
    // What is explained is no lie.
    return { node, told: link.hasTaken, wanted: explains ? 0 : (byNode.get(node) ?? 0), running: active };
  });
  return judgeNodes(memory, now, doing);
}

export function isTrusted(memory: TrustMemory, node: string, now: number): boolean {
  return now >= (memory.get(node)?.distrustedUntil ?? Number.NEGATIVE_INFINITY);
}
