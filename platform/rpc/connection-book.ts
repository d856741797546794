/**
 * Who is at the other end of each connection. Reading a certificate costs as much as a small call, so it is read once a
 * connection; and whoever is not to be served any more can be cut off.
 */
import type { TLSSocket } from 'node:tls';
import { CallerRates } from './caller-rates.ts';
import { connectionsPerCallerMax, connectionsPerSecondMax } from './limits.ts';

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
  /** Connections by their caller's name. */
  readonly #counts = new Map<string, number>();
  /** Told when nobody is connected any more. */
  readonly #waiting: (() => void)[] = [];
  readonly #rates = new CallerRates(connectionsPerSecondMax);
  readonly #now: () => number;

  /** `now` in milliseconds that only grow. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** False where the certificate names nobody, or somebody who has as many, or comes as often, as he may. The entry ends with the connection, before its port can be used again. */
  add(socket: TLSSocket): boolean {
    const caller = callerOf(socket);
    if (!caller || (this.#counts.get(caller.name) ?? 0) >= connectionsPerCallerMax) return false;
    if (!this.#rates.take(caller.name, this.#now())) return false;
    this.#count(caller.name, 1);
    this.#open.set(caller.address, { caller, socket });
    socket.once('close', () => {
      this.#open.delete(caller.address);
      this.#count(caller.name, -1);
      if (this.#open.size === 0) for (const tell of this.#waiting.splice(0)) tell();
    });
    return true;
  }

  /** `address` as grpc-js writes it (`getPeer`). */
  callerAt(address: string): Caller {
    return this.#open.get(address)?.caller ?? { name: unknownName, address, validFromMs: 0 };
  }

  /** The caller at the other end; nobody where the book does not have it. */
  callerOf({ remoteAddress = '', remotePort = 0 }: TLSSocket): Caller {
    return this.callerAt(addressOf(remoteAddress, remotePort));
  }

  /** Ends all connections of one caller; returns how many there were. */
  cut(name: string): number {
    const theirs = [...this.#open.values()].filter(({ caller }) => caller.name === name);
    for (const { socket } of theirs) socket.destroy();
    return theirs.length;
  }

  /** Resolves once nobody is connected. */
  async emptied(): Promise<void> {
    if (this.#open.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await promise;
  }

  /** Ends everybody's. */
  cutAll(): void {
    for (const { socket } of this.#open.values()) socket.destroy();
  }

  #count(name: string, change: number): void {
    const count = (this.#counts.get(name) ?? 0) + change;
    if (count > 0) this.#counts.set(name, count);
    else this.#counts.delete(name);
  }

  get size(): number {
    return this.#open.size;
  }
}

/** Whoever is at the other end of a finished handshake; undefined where the certificate names nobody. */
function callerOf(socket: TLSSocket): Caller | undefined {
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
