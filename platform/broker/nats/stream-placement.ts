/** Which servers hold the streams: said by a tag of theirs, and moved while everything goes on. */
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';

/** The tag of a server that runs on a node of this block. */
export function blockTag(block: string): string {
  return `block:${block}`;
}

/** Says of every stream, buckets among them, that servers with this tag are to hold it; returns how many were told so now. */
export async function placeStreams(manager: JetStreamManager, tag: string): Promise<number> {
  let told = 0;
  for await (const { config } of manager.streams.list()) {
    const tags = config.placement?.tags ?? [];
    if (tags.length === 1 && tags[0] === tag) continue;
    await manager.streams.update(config.name, { ...config, placement: { cluster: '', tags: [tag] } });
    told += 1;
  }
  return told;
}

/** Streams that are not yet held by these servers alone, each up to date and one of them leading, and by whom they are held. */
export async function straying(manager: JetStreamManager, servers: ReadonlySet<string>): Promise<string[]> {
  const left: string[] = [];
  for await (const info of manager.streams.list()) if (!isSettled(info, servers)) left.push(holders(info));
  return left;
}

function isSettled({ cluster, config }: StreamInfo, servers: ReadonlySet<string>): boolean {
  const replicas = cluster?.replicas ?? [];
  return (
    cluster?.leader !== undefined &&
    servers.has(cluster.leader) &&
    replicas.length === config.num_replicas - 1 &&
    replicas.every(({ name, current, offline }) => servers.has(name) && current && offline !== true)
  );
}

function holders({ config, cluster }: StreamInfo): string {
  return `${config.name}: ${[cluster?.leader ?? 'no leader', ...(cluster?.replicas ?? []).map(({ name }) => name)].join(' ')}`;
}
