/** Mutual TLS, version 1.3 only: both ends prove that the pilot's CA knows them. */
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { type ChannelCredentials, credentials, ServerCredentials } from '@grpc/grpc-js';

/** PEM texts. */
export interface TlsIdentity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export function channelCredentials(identity: TlsIdentity): ChannelCredentials {
  return credentials.createFromSecureContext(createSecureContext(contextOptions(identity)));
}

export function serverCredentials(identity: TlsIdentity): ServerCredentials {
  return new MutualTlsCredentials(contextOptions(identity));
}

export function contextOptions({ ca, cert, key }: TlsIdentity): SecureContextOptions {
  return { ca, cert, key, minVersion: 'TLSv1.3' };
}

/** `ServerCredentials.createSsl` cannot state a minimum version, its base class can. */
class MutualTlsCredentials extends ServerCredentials {
  constructor(context: SecureContextOptions) {
    super({ requestCert: true, rejectUnauthorized: true }, context);
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
