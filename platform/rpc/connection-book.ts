/**
 * Who is at the other end of each connection. Reading a certificate costs as much as a small call, so it is read once a
 * connection; and whoever is not to be served any more can be cut off.
 */
import type { TLSSocket } from 'node:tls';

export interface Caller {
  /** Common name of the certificate: `owner`, `gateway`, `agent-n1`, or the id of a token. */
  readonly name: string;
  /** host:port at the other end. */
  readonly address: string;
  /** When its certificate begins, milliseconds since 1970. */
  readonly validFromMs: number;
}

/** Nobody: a connection that the book does not know, which only a mistake of ours can make. */
const unknownName = '';

export class ConnectionBook {
  readonly #open = new Map<string, { readonly caller: Caller; readonly socket: TLSSocket }>();

  /** False where the certificate names nobody. The entry ends with the connection, before its port can be used again. */
  add(socket: TLSSocket): boolean {
    const caller = callerOf(socket);
    if (!caller) return false;
    this.#open.set(caller.address, { caller, socket });
    socket.once('close', () => this.#open.delete(caller.address));
    return true;
  }

  /** `address` as grpc-js writes it (`getPeer`). */
  callerAt(address: string): Caller {
    return this.#open.get(address)?.caller ?? { name: unknownName, address, validFromMs: 0 };
  }

  /** Ends all connections of one caller; returns how many there were. */
  cut(name: string): number {
    const theirs = [...this.#open.values()].filter(({ caller }) => caller.name === name);
    for (const { socket } of theirs) socket.destroy();
    return theirs.length;
  }

  get size(): number {
    return this.#open.size;
  }
}

/** Whoever is at the other end of a finished handshake; undefined where the certificate names nobody. */
export function callerOf(socket: TLSSocket): Caller | undefined {
  const certificate = socket.getPeerX509Certificate();
  const name = commonName(certificate?.subject ?? '');
  if (!certificate || name === undefined) return undefined;
  const address = addressOf(socket.remoteAddress ?? '', socket.remotePort ?? 0);
  return { name, address, validFromMs: certificate.validFromDate.getTime() };
}

/** Lines of a subject are "CN=owner"; a name in several lines could be read in two ways, so it is none. */
function commonName(subject: string): string | undefined {
  const names = subject.split('\n').filter((line) => line.startsWith('CN='));
  return names.length === 1 ? names[0]?.slice('CN='.length) : undefined;
}

function addressOf(host: string, port: number): string {
  return `${host}:${port}`;
}
