/** A gatherer's watermark in KV: where the next owner starts to read (G3), fenced by revision against a former owner. */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';

/** What the bucket holds, as JSON. The trimmer reads it, too. */
export interface MarkRecord {
  readonly v: 1;
  readonly epoch: number;
  /** First message that the next owner must read: nothing before it belongs to a key that is not closed and stored. */
  readonly sequence: number;
}

export class GatherMark {
  readonly #marks: KV;
  readonly #key: string;
  readonly #epoch: number;
  #revision: number;
  #written = false;
  /** As stored. */
  sequence: number;

  private constructor(options: { marks: KV; key: string; epoch: number; revision: number; record: MarkRecord | undefined }) {
    this.#marks = options.marks;
    this.#key = options.key;
    this.#epoch = options.epoch;
    this.#revision = options.revision;
    this.sequence = options.record?.sequence ?? 1;
  }

  static async read(marks: KV, key: string, epoch: number): Promise<GatherMark> {
    const entry = await marks.get(key);
    const record = entry && entry.operation === 'PUT' ? entry.json<MarkRecord>() : undefined;
    return new GatherMark({ marks, key, epoch, revision: entry?.revision ?? 0, record });
  }

  /** Returns false when another owner has written since: this one is over. Other errors are thrown. */
  async write(sequence: number): Promise<boolean> {
    if (sequence <= this.sequence && this.#written) return true;
    const next = Math.max(sequence, this.sequence);
    const record: MarkRecord = { v: 1, epoch: this.#epoch, sequence: next };
    try {
      this.#revision = await this.#marks.put(this.#key, JSON.stringify(record), { previousSeq: this.#revision });
      this.sequence = next;
      this.#written = true;
      return true;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === 10071) return false;
      throw error;
    }
  }
}
