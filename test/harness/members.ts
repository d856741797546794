/** Members of a pilot that is not there: its authority, certificates of any name, and lines spoken by hand. */
import type { Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { InvokeRequest } from '#proto';
import { type TlsIdentity, unary } from '#rpc';
import { type CertificateAuthority, loadCertificates } from '#security';

export interface Members {
  readonly authority: CertificateAuthority;
  /** A certificate that serves and calls. */
  readonly issue: (commonName: string, dnsNames?: string[]) => Promise<TlsIdentity>;
}

export async function createMembers(pilot = 'test'): Promise<Members> {
  const { CertificateAuthority: Authority } = await loadCertificates();
  const authority = await Authority.create(pilot, Date.now());
  const issue: Members['issue'] = async (commonName, dnsNames = []) => {
    const request = { commonName, usage: ['server' as const, 'client' as const], dnsNames, addresses: ['127.0.0.1'] };
    return { ca: authority.cert, ...(await authority.issue(request, Date.now())) };
  };
  return { authority, issue };
}

/** Certificates of every kind that should open nothing, and none. */
export async function strangersTo({ authority }: Members): Promise<Record<string, Partial<TlsIdentity>>> {
  const { CertificateAuthority: Authority } = await loadCertificates();
  const now = Date.now();
  const other = await Authority.create('test', now);
  const owner = { commonName: 'owner', usage: ['client' as const] };
  return {
    'self-signed': { cert: other.cert, key: other.key },
    'of another authority': await other.issue(owner, now),
    expired: await authority.issue({ ...owner, validMs: 1_000 }, now - 3_600_000),
    'not good yet': await authority.issue(owner, now + 86_400_000),
    'for serving only': await authority.issue({ commonName: 'agent-n1', usage: ['server'] }, now),
    none: {},
  };
}

export interface Line {
  readonly port: number;
  readonly servername: string;
  readonly identity: Partial<TlsIdentity>;
  readonly alpn?: string[];
}

export function openLine({ port, servername, identity, alpn }: Line): TLSSocket {
  const protocols = alpn ? { ALPNProtocols: alpn } : {};
  const socket = connectTls({ host: '127.0.0.1', port, servername, ...identity, ...protocols });
  return socket.on('error', () => undefined);
}

/** Resolves, when the other end has closed the line, with all that it said. */
export async function closed(socket: Socket): Promise<string> {
  const said: Buffer[] = [];
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => said.push(chunk));
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return Buffer.concat(said).toString('latin1');
}

/** `Invoke` as a function would answer that gives back what it gets. */
export const echoInvoke = unary((request: InvokeRequest) => ({
  payload: request.payload,
  headers: {},
  instance: 'i',
  node: 'n',
  cold: false,
  durationMs: 1,
  version: 1,
}));
