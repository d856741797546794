/**
 * Loopback is everybody's: while a server is down for a moment, another user can listen at its port and be taken for it, and
 * who has the events and the registry in hand has the pilot. TLS proves who a server is; where there is none the kernel
 * tells which user holds the other end of a connection within the machine, and that must be ourselves.
 */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { type NatsConnection, NatsConnectionImpl } from '@nats-io/transport-node';

export type ConnectionEnds = Pick<Socket, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>;

/** Every TCP socket of the machine, and whose it is. */
const tableFile = '/proc/net/tcp';

/** For a connection that has heard its server, without TLS. */
export function isOwnServer(connection: NatsConnection): boolean {
  if (!(connection instanceof NatsConnectionImpl)) return true;
  const { socket } = connection.protocol.transport as { readonly socket?: Socket };
  if (!socket?.remoteAddress?.startsWith('127.')) return true;
  const holder = holderOf(readTable(), socket);
  return holder === undefined || holder === process.getuid?.();
}

/** Ends what was just begun, before anything is said on it; the client tries again. */
export function dropServer(connection: NatsConnection): void {
  if (connection instanceof NatsConnectionImpl)
    (connection.protocol.transport as { readonly socket?: Socket }).socket?.destroy();
}

/** The user at the other end; undefined where the table does not have it. Pure. */
export function holderOf(table: string, ends: ConnectionEnds): number | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = ends;
  // The other end's own line: what is far for us is near for it.
  const wanted = `${endOf(remoteAddress, remotePort)} ${endOf(localAddress, localPort)}`;
  for (const line of table.split('\n')) {
    const [, near, far, , , , , user] = line.trim().split(/\s+/);
    if (`${near} ${far}` === wanted) return Number(user);
  }
  return undefined;
}

/** `127.0.0.11:4222` as the kernel writes it: `0B00007F:107E`. */
function endOf(address = '', port = 0): string {
  const hex = (number: number, digits: number) => number.toString(16).toUpperCase().padStart(digits, '0');
  const bytes = address.split('.').reverse();
  return `${bytes.map((byte) => hex(Number(byte), 2)).join('')}:${hex(port, 4)}`;
}

function readTable(): string {
  try {
    return readFileSync(tableFile, 'latin1');
  } catch {
    // No /proc here: nobody can say.
    return '';
  }
}
