/** A gatherer's watermark in KV: where the next owner starts to read (G3), fenced by revision against a former owner. */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import type { GatherMarkRecord } from '#broker';

export class GatherMark {
  readonly #marks: KV;
  readonly #key: string;
  readonly #epoch: number;
  #revision: number;
  #written = false;
  /** As stored. */
  sequence: number;

  private constructor(options: {
    marks: KV;
    key: string;
    epoch: number;
    revision: number;
    record: GatherMarkRecord | undefined;
  }) {
    this.#marks = options.marks;
    this.#key = options.key;
    this.#epoch = options.epoch;
    this.#revision = options.revision;
    this.sequence = options.record?.sequence ?? 1;
  }

  static async read(marks: KV, key: string, epoch: number): Promise<GatherMark> {
    const entry = await marks.get(key);
    const record = entry && entry.operation === 'PUT' ? entry.json<GatherMarkRecord>() : undefined;
    return new GatherMark({ marks, key, epoch, revision: entry?.revision ?? 0, record });
  }

  /** Returns false when another owner has written since: this one is over. Other errors are thrown. */
  async write(sequence: number): Promise<boolean> {
    if (sequence <= this.sequence && this.#written) return true;
    const next = Math.max(sequence, this.sequence);
    const record: GatherMarkRecord = { v: 1, epoch: this.#epoch, sequence: next };
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
