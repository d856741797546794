/** A gather trigger's watermark as the bucket holds it: written by the gatherer, read by its successor and the trimmer. */
import type { KV } from '@nats-io/kv';

export interface GatherMarkRecord {
  readonly v: 1;
  /** Of the gatherer that wrote it. */
  readonly epoch: number;
  /** First message that the next owner must read: none before it belongs to a key that is not closed and stored. */
  readonly sequence: number;
}

/** The watermark of a trigger (`gatherKey`); undefined while nobody has gathered it. */
export async function readGatherMark(marks: KV, key: string): Promise<number | undefined> {
  const entry = await marks.get(key);
  return entry?.operation === 'PUT' ? entry.json<GatherMarkRecord>().sequence : undefined;
}
