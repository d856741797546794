/** The gateway's epoch: taken by compare-and-set, so that of two gateways one knows that it is the older. */
import type { KV } from '@nats-io/kv';
import { registryKeys } from '#broker';
import { PlatformError } from '#common';

/** Two gateways that start at once race a few times at most. */
const attemptsMax = 20;

export async function takeEpoch(bucket: KV): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const entry = await bucket.get(registryKeys.epoch);
    const epoch = Number(entry?.string() ?? '0') + 1;
    try {
      await bucket.put(registryKeys.epoch, String(epoch), { previousSeq: entry?.revision ?? 0 });
      return epoch;
    } catch {
      // Another gateway was faster: take the epoch after its.
    }
  }
  throw new PlatformError('conflict', `no epoch could be taken in ${attemptsMax} attempts`, {
    hint: 'Are several gateways of one pilot restarting in a loop?',
  });
}
