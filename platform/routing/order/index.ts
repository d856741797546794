/** Order per key: which shard a key belongs to, which node a shard, and which event of a key may go. */
export { KeyGate } from './key-gate.ts';
export { assignShards, type ShardOwners, shardCount, shardOf } from './shards.ts';
