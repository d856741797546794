/** NATS nkeys: a member proves itself by signing the server's nonce; the seed never crosses the wire. */
import { createUser, fromPublic } from '@nats-io/nkeys';

export interface NatsKey {
  /** Secret, for a 0600 file. */
  readonly seed: string;
  /** What the server's configuration holds. */
  readonly publicKey: string;
}

/** A new Ed25519 user key. */
export function createNatsKey(): NatsKey {
  const pair = createUser();
  return { seed: new TextDecoder().decode(pair.getSeed()), publicKey: pair.getPublicKey() };
}

export function isPublicNatsKey(text: string): boolean {
  try {
    fromPublic(text);
    return /^U[A-Z2-7]{55}$/.test(text);
  } catch {
    // Of another length, alphabet or checksum.
    return false;
  }
}
