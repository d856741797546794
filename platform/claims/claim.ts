/**
 * The claim: what an event carries instead of a large payload. Pure.
 *
 *   Pilotfish-Claim: <place> <name> <bytes> crc32:<8 hex digits>
 *
 * The place is `shared`, `stream`, or the node that owns the file. Dtype and shape stay in headers of their own, which the
 * event has whether its payload is claimed or not.
 */
import { randomBytes } from 'node:crypto';
import { PlatformError } from '#common';

export const claimHeader = 'Pilotfish-Claim';
export const dtypeHeader = 'Pilotfish-Dtype';
export const shapeHeader = 'Pilotfish-Shape';

export const sharedPlace = 'shared';
export const streamPlace = 'stream';

/** A payload is read whole into one buffer: past this it belongs into a file of the user's own. */
export const claimBytesMax = 2 ** 30;

export interface Claim {
  readonly place: string;
  readonly name: string;
  readonly bytes: number;
  /** Of the payload. It finds what a disk or a cut-off writer did, not what an attacker would: all files are the user's own. */
  readonly checksum: string;
}

/** Neither a dot nor a slash: a name from an event's header becomes part of a path. */
const namePattern = /^[a-z0-9]{24}$/;
const placePattern = /^[a-z][a-z0-9-]{0,62}$/;
const checksumPattern = /^crc32:[0-9a-f]{8}$/;

/** 96 random bits: no two payloads ever share a name, and nobody guesses one. */
export function newClaimName(): string {
  return randomBytes(12).toString('hex');
}

export function isClaimName(text: string): boolean {
  return namePattern.test(text);
}

export function checksumOf(data: Uint8Array): string {
  // Loaded where it is wanted: each instance that starts would pay for it.
  const { crc32 } = process.getBuiltinModule('node:zlib');
  return `crc32:${crc32(data).toString(16).padStart(8, '0')}`;
}

export function isChecksum(text: string): boolean {
  return checksumPattern.test(text);
}

export function claimOf(place: string, data: Uint8Array): Claim {
  return { place, name: newClaimName(), bytes: data.byteLength, checksum: checksumOf(data) };
}

/** The header's value. */
export function encodeClaim({ place, name, bytes, checksum }: Claim): string {
  return `${place} ${name} ${bytes} ${checksum}`;
}

/** Undefined for an event that carries its payload itself. Throws `corrupt` for a reference that is none: it cannot be followed. */
export function readClaim(headers: Readonly<Record<string, string | undefined>>): Claim | undefined {
  const text = headers[claimHeader];
  if (text === undefined) return undefined;
  const [place = '', name = '', digits = '', checksum = '', ...more] = text.split(' ');
  const bytes = /^\d{1,12}$/.test(digits) ? Number(digits) : Number.NaN;
  const known = placePattern.test(place) && namePattern.test(name) && checksumPattern.test(checksum);
  if (known && bytes <= claimBytesMax && more.length === 0) return { place, name, bytes, checksum };
  throw new PlatformError('corrupt', `the claim ${JSON.stringify(text.slice(0, 200))} is malformed`, {
    hint: `${claimHeader} is written by the platform's own client; do not set it by hand.`,
  });
}

/** Of a payload that lies elsewhere, as its claim says; undefined where there is none, or one that cannot be read. */
export function claimedBytes(headers: Readonly<Record<string, string | undefined>>): number | undefined {
  const bytes = Number(headers[claimHeader]?.split(' ')[2]);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Sides as the header has them, "16,256"; none where it is missing or says nothing that can be used. */
export function parseShape(text = ''): readonly number[] {
  const sides = text === '' ? [] : text.split(',').map(Number);
  return sides.every((side) => Number.isSafeInteger(side) && side >= 0) ? sides : [];
}

/** Throws `corrupt` where the bytes are not those that were claimed. */
export function checkClaimed(claim: Pick<Claim, 'name' | 'bytes' | 'checksum'>, data: Uint8Array): void {
  if (data.byteLength !== claim.bytes) {
    throw new PlatformError(
      'corrupt',
      `the claimed payload ${claim.name} has ${data.byteLength} bytes of ${claim.bytes}`,
    );
  }
  const actual = checksumOf(data);
  if (actual === claim.checksum) return;
  throw new PlatformError(
    'corrupt',
    `the claimed payload ${claim.name} is corrupt: its checksum is ${actual}, not ${claim.checksum}`,
  );
}
