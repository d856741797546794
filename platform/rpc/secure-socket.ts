/** A socket to a peer that is known by a name, over mutual TLS 1.3. */
import { connect, type TLSSocket } from 'node:tls';
import { secureContext, type TlsIdentity } from './tls-credentials.ts';

export interface PeerAddress {
  /** host:port */
  readonly address: string;
  /** The name in the peer's certificate, `<node>.<pilot>.pilotfish`: addresses change, names do not. */
  readonly serverName: string;
  readonly tls: TlsIdentity;
}

/** Dials at once; what is written before it is through waits. `protocols` are those of ALPN. */
export function connectSecurely({ address, serverName, tls }: PeerAddress, protocols: readonly string[]): TLSSocket {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  const to = { host, port: Number(address.slice(at + 1)), servername: serverName };
  return connect({ ...to, secureContext: secureContext(tls), ALPNProtocols: [...protocols] }).setNoDelay(true);
}
