/** Where a pilot's large payloads lie: said once, when it is brought up, and read by each of its nodes. */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Claims, claimsSchema } from '#model';
import { assertPrivateDirectory, readPrivate, writePrivate } from '#security';
import { pilotPaths } from './home.ts';

export interface ClaimsShape {
  readonly place: Claims['place'];
  /** Default: in the pilot's own directory, or in the node's memory where each node has its own. */
  readonly directory?: string | undefined;
}

export const claimsDefault: ClaimsShape = { place: 'shared' };

/** Where a node's own payloads lie unless the user names a disk. */
const nodeMemory = '/dev/shm';

/** `bytesMax`: of one folder. */
export function writeClaims(pilotDirectory: string, { place, directory }: ClaimsShape, bytesMax: number): Claims {
  const base = directory ?? (place === 'node' ? nodeMemory : undefined);
  const claims: Claims = {
    place,
    directory: base === undefined ? join(pilotDirectory, 'claims') : join(base, directoryName(pilotDirectory)),
    token: randomBytes(16).toString('hex'),
    bytesMax,
  };
  writePrivate(pilotPaths(pilotDirectory).claims, JSON.stringify(claims));
  return claims;
}

export function readClaims(pilotDirectory: string): Claims {
  return claimsSchema.parse(JSON.parse(readPrivate(pilotPaths(pilotDirectory).claims)));
}

/** Payloads outside the pilot's directory, as far as this machine sees them; those of other nodes go with their launchers. */
export function removeClaims(pilotDirectory: string): void {
  let directory: string;
  try {
    directory = readClaims(pilotDirectory).directory;
  } catch {
    // `up` did not get so far, or another `down` got further.
    return;
  }
  // Only what `up` would have named: a damaged record must not remove anything else.
  if (basename(directory) !== directoryName(pilotDirectory)) return;
  try {
    assertPrivateDirectory(directory);
  } catch {
    // Gone already, or somebody else's: then the pilot never wrote there.
    return;
  }
  rmSync(directory, { recursive: true, force: true });
}

function directoryName(pilotDirectory: string): string {
  return `pilotfish-${process.getuid?.() ?? 0}-${basename(pilotDirectory)}-claims`;
}
