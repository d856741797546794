/**
 * The pilot's own certificate authority (EC P-256): made by `up`, known to nobody outside, gone with the pilot.
 * Slow to load (an ASN.1 library), so only `up` asks for it, and late.
 */
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  PublicKey,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  /** What it may be used for: an agent only serves, so its key opens no other door. */
  readonly usage: readonly ('server' | 'client')[];
  readonly dnsNames?: readonly string[];
  readonly addresses?: readonly string[];
  /** Default: as long as the pilot's own. */
  readonly validMs?: number;
}

/** Longer than any walltime a site grants in one piece (commonly 7 days); a pilot that lives on makes new ones in time. */
const certificateDaysMax = 8;
/** What it has signed ends with it, so an authority lasts for as long as jobs can be joined; nobody outside its pilot knows it. */
const authorityDaysMax = 366;
/** Nodes' clocks differ a little: a certificate begins this long before it was made. */
export const clockSkewMs = 5 * 60_000;
const dayMs = 86_400_000;
export const certificateMs = certificateDaysMax * dayMs;
const authorityMs = authorityDaysMax * dayMs;

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' };
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };

export class CertificateAuthority {
  /** The CA's own certificate, PEM. */
  readonly cert: string;
  /** The CA's key, PEM: needed again when nodes join. */
  readonly key: string;
  readonly #signingKey: webcrypto.CryptoKey;
  readonly #issuer: string;

  private constructor(cert: string, key: string, signingKey: webcrypto.CryptoKey, issuer: string) {
    this.cert = cert;
    this.key = key;
    this.#signingKey = signingKey;
    this.#issuer = issuer;
  }

  static async create(pilot: string, nowMs: number): Promise<CertificateAuthority> {
    cryptoProvider.set(webcrypto);
    const issuer = issuerOf(pilot);
    const pair = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
    const cert = await X509CertificateGenerator.createSelfSigned({
      serialNumber: serialNumber(),
      name: issuer,
      ...validity(nowMs, authorityMs),
      signingAlgorithm,
      keys: pair,
      extensions: [
        // Path length 0: what it signs can sign nothing itself.
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    });
    return new CertificateAuthority(cert.toString('pem'), await exportKey(pair.privateKey), pair.privateKey, issuer);
  }

  /** The authority that `create` made, from its two PEM texts. */
  static async load(cert: string, key: string): Promise<CertificateAuthority> {
    cryptoProvider.set(webcrypto);
    const signingKey = await webcrypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(key), keyAlgorithm, false, [
      'sign',
    ]);
    return new CertificateAuthority(cert, key, signingKey, new X509Certificate(cert).subject);
  }

  /** Makes a key pair and signs its certificate. */
  async issue(request: CertificateRequest, nowMs: number): Promise<Certificate> {
    const pair = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
    const cert = await this.#sign(
      request.commonName,
      extensionsOf(request),
      pair.publicKey,
      validity(nowMs, request.validMs),
    );
    return { cert, key: await exportKey(pair.privateKey) };
  }

  /** Signs the key of somebody who keeps its secret half: a P-256 SubjectPublicKeyInfo, DER. Throws for any other key. */
  async sign(request: CertificateRequest, publicKey: Uint8Array<ArrayBuffer>, nowMs: number): Promise<string> {
    const key = await new PublicKey(publicKey).export(keyAlgorithm, ['verify']);
    return await this.#sign(request.commonName, extensionsOf(request), key, validity(nowMs, request.validMs));
  }

  /** The same names and purposes under a new key, for as long again. */
  async renew(cert: string, nowMs: number): Promise<Certificate> {
    const { subjectName, extensions } = new X509Certificate(cert);
    const pair = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
    const commonName = subjectName.getField('CN')[0] ?? '';
    return {
      cert: await this.#sign(commonName, extensions, pair.publicKey, validity(nowMs)),
      key: await exportKey(pair.privateKey),
    };
  }

  async #sign(
    commonName: string,
    extensions: Extension[],
    publicKey: webcrypto.CryptoKey,
    valid: ReturnType<typeof validity>,
  ): Promise<string> {
    const cert = await X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: `CN=${commonName}`,
      issuer: this.#issuer,
      ...valid,
      signingAlgorithm,
      publicKey,
      signingKey: this.#signingKey,
      extensions,
    });
    return cert.toString('pem');
  }
}

function issuerOf(pilot: string): string {
  return `CN=pilotfish ${pilot}`;
}

function extensionsOf(request: CertificateRequest): Extension[] {
  const purposes = { server: ExtendedKeyUsage.serverAuth, client: ExtendedKeyUsage.clientAuth };
  const names: JsonGeneralName[] = [
    ...(request.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(request.addresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension(request.usage.map((usage) => purposes[usage])),
  ];
  if (names.length > 0) extensions.push(new SubjectAlternativeNameExtension(names));
  return extensions;
}

function validity(nowMs: number, validMs = certificateMs): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(nowMs - clockSkewMs), notAfter: new Date(nowMs + validMs) };
}

/** 16 random bytes, the first made positive and not zero (X.690, 8.3). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}
