/** NATS nkeys: a member proves itself by signing the server's nonce; the seed never crosses the wire. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { createUser, fromPublic } from '@nats-io/nkeys';
import { PlatformError } from '#common';

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

/** What a client answers to a server's nonce: its public key and the signature, as the protocol's CONNECT carries them. */
export interface NatsProof {
  readonly nkey: string;
  readonly sig: string;
}

/**
 * Signs with Node's own Ed25519. The library's, in JavaScript, takes 30 ms of processor time for the first signature, which each
 * process and each command would pay for. Throws `unauthenticated` for what is no seed of a user.
 */
export function natsSigner(seed: string): (nonce?: string) => NatsProof {
  const bytes = decodeBase32(seed);
  const isWhole = seed.length === seedLetters && bytes.length === 36;
  if (!isWhole || !seed.startsWith('SU') || crc16(bytes.subarray(0, -2)) !== bytes.readUInt16LE(34))
    throw new PlatformError('unauthenticated', 'this is no seed of a NATS user key');
  const key = createPrivateKey({
    key: Buffer.concat([pkcs8Start, bytes.subarray(2, 34)]),
    format: 'der',
    type: 'pkcs8',
  });
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  const nkey = encodePublic(raw);
  return (nonce) => ({ nkey, sig: nonce ? sign(undefined, Buffer.from(nonce), key).toString('base64') : '' });
}

/** Two bytes of its kind, the key, two of a checksum. */
const seedLetters = 58;
/** PrivateKeyInfo of an Ed25519 key (RFC 8410), up to the 32 bytes of the seed. */
const pkcs8Start = Buffer.from('302e020100300506032b657004220420', 'hex');
/** "U" of the alphabet, in the upper five bits. */
const userPrefix = 20 << 3;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function encodePublic(raw: Uint8Array): string {
  const body = Buffer.concat([Buffer.of(userPrefix), raw]);
  const sum = Buffer.alloc(2);
  sum.writeUInt16LE(crc16(body));
  return encodeBase32(Buffer.concat([body, sum]));
}

/** Without padding, as nkeys are written; 35 bytes are 56 letters. */
function encodeBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += alphabet[(value >> (bits - 5)) & 31];
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text;
}

/** Letters that are none of the alphabet end it. */
function decodeBase32(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const letter of text) {
    const at = alphabet.indexOf(letter);
    if (at < 0) break;
    value = ((value << 5) | at) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 0xff);
  }
  return Buffer.from(bytes);
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) sum = ((sum & 0x8000) === 0 ? sum << 1 : (sum << 1) ^ 0x1021) & 0xffff;
  }
  return sum;
}
