/** Files that have arrived, in KV: in shards by name, so that an arrival rewrites a small part of them. */
import { crc32 } from 'node:zlib';
import type { KV } from '@nats-io/kv';
import { SourceMark } from './source-mark.ts';

interface ShardRecord {
  readonly v: 1;
  /** Name and version of each file. */
  readonly files: readonly (readonly [string, string])[];
}

const shards = 64;

export class KnownFiles {
  readonly #marks: readonly SourceMark<ShardRecord>[];

  private constructor(marks: readonly SourceMark<ShardRecord>[]) {
    this.#marks = marks;
  }

  static async read(bucket: KV, key: string): Promise<KnownFiles> {
    const reads = Array.from({ length: shards }, (_, at) => SourceMark.read<ShardRecord>(bucket, `${key}.${at}`));
    return new KnownFiles(await Promise.all(reads));
  }

  all(): Map<string, string> {
    return new Map(this.#marks.flatMap(({ value }) => value?.files ?? []));
  }

  /** Writes down the shards of these names as the caller knows them now. False: another owner has written since. */
  async save(names: readonly string[], known: () => Iterable<readonly [string, string]>): Promise<boolean> {
    const dirty = new Set(names.map(shardOf));
    const files = new Map<number, (readonly [string, string])[]>([...dirty].map((shard) => [shard, []]));
    for (const entry of known()) files.get(shardOf(entry[0]))?.push(entry);
    for (const [shard, entries] of files) {
      if (!(await this.#marks[shard]?.write({ v: 1, files: entries }))) return false;
    }
    return true;
  }
}

function shardOf(name: string): number {
  return crc32(name) % shards;
}
