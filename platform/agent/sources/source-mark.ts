/** What the owner of a source has done, in KV: fenced by revision, so that a former owner's late word is refused. */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';

export class SourceMark<T> {
  readonly #marks: KV;
  readonly #key: string;
  #revision: number;
  /** As stored; undefined before the first. */
  value: T | undefined;

  private constructor(marks: KV, key: string, revision: number, value: T | undefined) {
    this.#marks = marks;
    this.#key = key;
    this.#revision = revision;
    this.value = value;
  }

  static async read<T>(marks: KV, key: string): Promise<SourceMark<T>> {
    const entry = await marks.get(key);
    const value = entry?.operation === 'PUT' ? entry.json<T>() : undefined;
    return new SourceMark(marks, key, entry?.revision ?? 0, value);
  }

  /** False when another owner has written since: this one is over. Other errors are thrown. */
  async write(value: T): Promise<boolean> {
    try {
      this.#revision = await this.#marks.put(this.#key, JSON.stringify(value), { previousSeq: this.#revision });
      this.value = value;
      return true;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === 10071) return false;
      throw error;
    }
  }
}
