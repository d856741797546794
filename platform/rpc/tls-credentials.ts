/** Mutual TLS, version 1.3 only: both ends prove that the pilot's CA knows them. */
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';

/** PEM texts. */
export interface TlsIdentity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Where the texts lie. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export function readTls({ ca, cert, key }: TlsFiles): TlsIdentity {
  return { ca: readFileSync(ca, 'utf8'), cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

/** A gateway dials every node with one identity: its PEM texts are read once, not a thousand times after a restart. */
const known = new WeakMap<TlsIdentity, SecureContext>();

export function secureContext(identity: TlsIdentity): SecureContext {
  const context = known.get(identity) ?? createSecureContext(contextOptions(identity));
  known.set(identity, context);
  return context;
}

export function channelCredentials(identity: TlsIdentity): ChannelCredentials {
  return credentials.createFromSecureContext(secureContext(identity));
}

/** What both ends of a connection are made of. */
export function contextOptions({ ca, cert, key }: TlsIdentity): SecureContextOptions {
  return { ca, cert, key, minVersion: 'TLSv1.3' };
}
