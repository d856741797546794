/** What is true of triggers beside their manifests: which are paused, and when a replay began. Kept, so that a new gateway knows. */
import type { KV } from '@nats-io/kv';
import { registryKeys } from '#broker';
import { readAll } from './registry.ts';

export interface TriggerRecord {
  /** Milliseconds since 1970; 0 while it is not paused. */
  readonly pausedAtMs: number;
  /** Of a replay: the event stored at `replayFromMs` is due at `replayAtMs`; both 0 where nothing is replayed. */
  readonly replayFromMs: number;
  readonly replayAtMs: number;
}

const unmarked: TriggerRecord = { pausedAtMs: 0, replayFromMs: 0, replayAtMs: 0 };

export class TriggerStates {
  readonly #bucket: KV;
  /** By "<function>.<trigger>"; those that are as any other are left out. */
  readonly #records = new Map<string, TriggerRecord>();

  private constructor(bucket: KV) {
    this.#bucket = bucket;
  }

  static async load(bucket: KV): Promise<TriggerStates> {
    const states = new TriggerStates(bucket);
    for (const { key, value } of await readAll(bucket, registryKeys.triggers)) {
      const [, functionName = '', trigger = ''] = key.split('.');
      const record = JSON.parse(Buffer.from(value).toString('utf8')) as Partial<TriggerRecord>;
      states.#records.set(nameOf(functionName, trigger), { ...unmarked, ...record });
    }
    return states;
  }

  get(functionName: string, trigger: string): TriggerRecord {
    return this.#records.get(nameOf(functionName, trigger)) ?? unmarked;
  }

  async set(functionName: string, trigger: string, change: Partial<TriggerRecord>): Promise<void> {
    const record = { ...this.get(functionName, trigger), ...change };
    await this.#bucket.put(registryKeys.trigger(functionName, trigger), JSON.stringify(record));
    this.#records.set(nameOf(functionName, trigger), record);
  }

  async forget(functionName: string, trigger: string): Promise<void> {
    if (!this.#records.delete(nameOf(functionName, trigger))) return;
    await this.#bucket.purge(registryKeys.trigger(functionName, trigger));
  }
}

function nameOf(functionName: string, trigger: string): string {
  return `${functionName}.${trigger}`;
}
