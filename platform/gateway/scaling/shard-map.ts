/** Which node handles which shards of the functions with order: as `assignShards` decides, remembered from round to round. */
import type { ReportResponse } from '#proto';
import { assignShards, type ShardOwners } from '#routing';

export class ShardMap {
  readonly #owners = new Map<string, ShardOwners>();

  /** `instances` by node; a function that is asleep has its activator there. Nodes that hold shards already keep what they may. */
  assign(digest: string, instances: ReadonlyMap<string, number>, reports: readonly ReportResponse[]): ShardOwners {
    const owners = assignShards(this.#owners.get(digest) ?? reported(digest, reports), instances);
    this.#owners.set(digest, owners);
    return owners;
  }

  /** Versions that are no longer wanted. */
  forgetOthers(digests: ReadonlySet<string>): void {
    for (const digest of this.#owners.keys()) if (!digests.has(digest)) this.#owners.delete(digest);
  }
}

/** What a new gateway finds. */
function reported(digest: string, reports: readonly ReportResponse[]): ShardOwners {
  const owners: string[] = [];
  for (const { node, loads } of reports) {
    for (const load of loads)
      if (node && load.digest === digest) for (const shard of load.shards) owners[shard] = node.id;
  }
  return owners;
}
