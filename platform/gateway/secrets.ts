/** Secrets of the pilot's functions: written here, read by agents when an instance starts, given back to nobody. */
import type { KV } from '@nats-io/kv';
import { secretNamePattern } from '#bundle';
import { PlatformError } from '#common';
import type { ListSecretsResponse, SetSecretRequest } from '#proto';

/** A key or a certificate; whole files are data. */
const valueBytesMax = 64 * 2 ** 10;
const secretsMax = 1_000;

export async function setSecret(bucket: KV, { name, value }: SetSecretRequest): Promise<void> {
  if (!secretNamePattern.test(name)) {
    throw new PlatformError('usage', `"${name}" is no name of a secret`, {
      hint: 'Capital letters, digits and "_", a letter first: API_TOKEN.',
    });
  }
  if (value.length === 0 || value.length > valueBytesMax) {
    throw new PlatformError(
      'invalid',
      `the value of ${name} has ${value.length} bytes; 1 to ${valueBytesMax} are possible`,
    );
  }
  const { secrets } = await listSecrets(bucket);
  if (secrets.length >= secretsMax && !secrets.some((secret) => secret.name === name)) {
    throw new PlatformError('invalid', `there are ${secretsMax} secrets already`, {
      hint: 'pilotfish secret rm NAME makes room.',
    });
  }
  await bucket.put(name, value);
}

export async function listSecrets(bucket: KV): Promise<ListSecretsResponse> {
  const secrets: ListSecretsResponse['secrets'] = [];
  for await (const name of await bucket.keys()) {
    const entry = await bucket.get(name);
    if (entry?.operation === 'PUT') secrets.push({ name, updatedAtMs: entry.created.getTime() });
  }
  return { secrets: secrets.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** Throws `not-found`. */
export async function deleteSecret(bucket: KV, name: string): Promise<void> {
  const entry = secretNamePattern.test(name) ? await bucket.get(name) : null;
  if (entry?.operation !== 'PUT') {
    throw new PlatformError('not-found', `there is no secret "${name}"`, {
      hint: '`pilotfish secret list` shows those that are set.',
    });
  }
  // Purged, not marked as deleted: the value must not stay in the bucket's history.
  await bucket.purge(name);
}
