/**
 * Order per key: keys hash to virtual shards, and a shard is handled on one node at a time. Shards move when instances
 * do; which ones, `assignShards` decides. Pure.
 */
import { createHash } from 'node:crypto';

/** Fixed for the life of a trigger: with another number a key would be in two shards at once. */
export const shardCount = 32;

/** The same on every node and in every version. */
export function shardOf(key: string): number {
  return createHash('sha256').update(key).digest().readUInt32BE(0) % shardCount;
}

/** Shard -> node, at its index; undefined where nobody has it. */
export type ShardOwners = readonly (string | undefined)[];

/**
 * Each node's part of the shards follows its part of the instances. Shards stay where they are as long as their node has
 * no more than its part, so that as few as possible move.
 */
export function assignShards(current: ShardOwners, instances: ReadonlyMap<string, number>): ShardOwners {
  const room = quotas(current, instances);
  const owners: (string | undefined)[] = Array.from({ length: shardCount }, (_, shard) => {
    const owner = current[shard];
    const left = owner === undefined ? 0 : (room.get(owner) ?? 0);
    if (owner === undefined || left <= 0) return undefined;
    room.set(owner, left - 1);
    return owner;
  });
  for (const [shard, owner] of owners.entries()) {
    if (owner !== undefined) continue;
    const next = [...room].find(([, left]) => left > 0)?.[0];
    if (next === undefined) break;
    room.set(next, (room.get(next) ?? 0) - 1);
    owners[shard] = next;
  }
  return owners;
}

/**
 * Whole shares that add up to all shards; what is left over goes to the largest fractions, among equals to who has more
 * than its share already: assigned once, a map stays as it is.
 */
function quotas(current: ShardOwners, instances: ReadonlyMap<string, number>): Map<string, number> {
  const nodes = [...instances].filter(([, count]) => count > 0).sort(([a], [b]) => a.localeCompare(b));
  const total = nodes.reduce((sum, [, count]) => sum + count, 0);
  const shares = nodes.map(([node, count]) => {
    const whole = Math.floor((shardCount * count) / total);
    const over = current.filter((owner) => owner === node).length - whole;
    return { node, whole, rest: (shardCount * count) % total, over };
  });
  let left = shardCount - shares.reduce((sum, { whole }) => sum + whole, 0);
  const byFraction = [...shares].sort((a, b) => b.rest - a.rest || b.over - a.over);
  for (const share of byFraction) {
    if (left <= 0) break;
    share.whole++;
    left--;
  }
  return new Map(shares.map(({ node, whole }) => [node, whole]));
}
