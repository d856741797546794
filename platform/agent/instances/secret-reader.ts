/** Values of secrets, read when an instance starts and kept nowhere. */
import type { KV } from '@nats-io/kv';
import { PlatformError } from '#common';

/** By name. Throws `not-found` for the first that nobody has set. */
export async function readSecrets(bucket: KV, names: readonly string[]): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const name of names) {
    const entry = await bucket.get(name);
    if (entry?.operation !== 'PUT') {
      throw new PlatformError('not-found', `the secret ${name} is not set`, {
        hint: `pilotfish secret set ${name}`,
      });
    }
    values[name] = entry.string();
  }
  return values;
}
