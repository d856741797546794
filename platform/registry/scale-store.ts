/** What `scale set` and `scale pause` said, kept beside the registry: it outlives deployments and gateways, until it is reset. */
import type { KV } from '@nats-io/kv';
import { registryKeys } from '#broker';
import { ScaleOverride } from '#proto';
import { readAll } from './registry.ts';

export class ScaleStore {
  readonly #bucket: KV;
  readonly #overrides = new Map<string, ScaleOverride>();

  private constructor(bucket: KV) {
    this.#bucket = bucket;
  }

  static async load(bucket: KV): Promise<ScaleStore> {
    const store = new ScaleStore(bucket);
    for (const { key, value } of await readAll(bucket, registryKeys.scales))
      store.#overrides.set(key.split('.')[1] ?? '', ScaleOverride.decode(value));
    return store;
  }

  get(name: string): ScaleOverride | undefined {
    return this.#overrides.get(name);
  }

  async set(name: string, override: ScaleOverride): Promise<void> {
    await this.#bucket.put(registryKeys.scale(name), ScaleOverride.encode(override).finish());
    this.#overrides.set(name, override);
  }

  async reset(name: string): Promise<void> {
    if (!this.#overrides.has(name)) return;
    await this.#bucket.purge(registryKeys.scale(name));
    this.#overrides.delete(name);
  }
}
