/** New certificates for everybody, while everything runs: written beside the old ones, then taken up one by one. */
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Connection, connectionSchema } from '#model';
import { loadCertificates, readPrivate, writePrivate } from '#security';

export interface PilotFiles {
  /** Directory of certificates and keys. */
  readonly keys: string;
  readonly caCert: string;
  readonly caKey: string;
  /** `connection.json` */
  readonly connection: string;
}

export interface Rotated {
  readonly expiresAtMs: number;
  /** Owners' certificates made before it are not to be accepted any more. */
  readonly ownersSinceMs: number;
}

/** Certificates have this long left when they are renewed: a pilot that outlives them must not lock its owner out. */
const renewBeforeMs = 2 * 86_400_000;

/** The owner's is never younger than others: nodes that join later have theirs from then, and a rotation renews all. */
export function isEnding({ keys }: Pick<PilotFiles, 'keys'>, nowMs: number): boolean {
  const { validToDate } = new X509Certificate(readFileSync(join(keys, 'owner.pem')));
  return validToDate.getTime() - nowMs < renewBeforeMs;
}

/**
 * Renews each member's certificate and the owner's connection file; without `seeds` this keeps its own. The key goes first:
 * whoever reads in between has a pair that does not fit, keeps his old one and looks again.
 */
export async function rotateCertificates(
  files: PilotFiles,
  nowMs: number,
  seeds?: Connection['seeds'],
): Promise<Rotated> {
  const { CertificateAuthority, certificateMs, clockSkewMs } = await loadCertificates();
  const authority = await CertificateAuthority.load(readFileSync(files.caCert, 'utf8'), readPrivate(files.caKey));
  // A launcher whose gateway comes back writes the connection file anew, from these.
  for (const [role, seed] of Object.entries(seeds ?? {})) writePrivate(join(files.keys, `${role}.seed`), seed);
  for (const member of membersOf(files.keys)) {
    const cert = join(files.keys, `${member}.pem`);
    const fresh = await authority.renew(readFileSync(cert, 'utf8'), nowMs);
    writePrivate(join(files.keys, `${member}.key`), fresh.key);
    writePrivate(cert, fresh.cert);
    if (member !== 'owner') continue;
    const connection = connectionSchema.parse(JSON.parse(readPrivate(files.connection)));
    const renewed = { ...connection, tls: { ...connection.tls, ...fresh }, seeds: seeds ?? connection.seeds };
    writePrivate(files.connection, JSON.stringify(renewed, undefined, 2));
  }
  // Certificates say when they begin in whole seconds.
  return { expiresAtMs: nowMs + certificateMs, ownersSinceMs: Math.floor((nowMs - clockSkewMs) / 1000) * 1000 };
}

/** Everybody but the authority itself. */
function membersOf(keys: string): string[] {
  return readdirSync(keys)
    .filter((name) => name.endsWith('.pem') && name !== 'ca.pem')
    .map((name) => name.slice(0, -'.pem'.length));
}
