/** A gatherer's watermark in KV: where the next owner starts to read (G3), fenced by revision against a former owner. */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';

/** What the bucket holds, as JSON. The trimmer reads it, too. */
export interface MarkRecord {
  readonly v: 1;
  readonly epoch: number;
  /** First message that the next owner must read: nothing before it belongs to a key that is not closed and stored. */
  readonly sequence: number;
  /** Keys dead-lettered instead of triggering, whose messages reach past the watermark: key -> [last, closedAt]. */
  readonly deadLettered: Readonly<Record<string, readonly [number, number]>>;
}

/** Dead-lettered keys kept in the record; as many as keys can be open above the watermark. */
const deadLetteredMax = 1_024;

export class GatherMark {
  readonly #marks: KV;
  readonly #key: string;
  readonly #epoch: number;
  #revision: number;
  #deadLettered: Map<string, readonly [number, number]>;
  #changed = true;
  /** As stored. */
  sequence: number;

  private constructor(options: { marks: KV; key: string; epoch: number; revision: number; record: MarkRecord | undefined }) {
    this.#marks = options.marks;
    this.#key = options.key;
    this.#epoch = options.epoch;
    this.#revision = options.revision;
    this.sequence = options.record?.sequence ?? 1;
    this.#deadLettered = new Map(Object.entries(options.record?.deadLettered ?? {}));
  }

  static async read(marks: KV, key: string, epoch: number): Promise<GatherMark> {
    const entry = await marks.get(key);
    const record = entry && entry.operation === 'PUT' ? entry.json<MarkRecord>() : undefined;
    return new GatherMark({ marks, key, epoch, revision: entry?.revision ?? 0, record });
  }

  get deadLettered(): ReadonlyMap<string, readonly [number, number]> {
    return this.#deadLettered;
  }

  /** The dead letter is stored; the next write remembers it. */
  addDeadLettered(key: string, last: number, closedAtMs: number): void {
    this.#deadLettered.set(key, [last, closedAtMs]);
    const [oldest] = this.#deadLettered.keys();
    if (this.#deadLettered.size > deadLetteredMax && oldest !== undefined) this.#deadLettered.delete(oldest);
    this.#changed = true;
  }

  /** Returns false when another owner has written since: this one is over. Other errors are thrown. */
  async write(sequence: number): Promise<boolean> {
    if (sequence <= this.sequence && !this.#changed) return true;
    this.#changed = false;
    const next = Math.max(sequence, this.sequence);
    for (const [key, [last]] of this.#deadLettered) if (last < next) this.#deadLettered.delete(key);
    const record: MarkRecord = { v: 1, epoch: this.#epoch, sequence: next, deadLettered: Object.fromEntries(this.#deadLettered) };
    try {
      this.#revision = await this.#marks.put(this.#key, JSON.stringify(record), { previousSeq: this.#revision });
      this.sequence = next;
      return true;
    } catch (error) {
      this.#changed = true;
      if (error instanceof JetStreamApiError && error.code === 10071) return false;
      throw error;
    }
  }
}
