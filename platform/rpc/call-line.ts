/** Sockets for lines of calls: TLS 1.3 with both sides' certificates between nodes, a private Unix socket within one. */
import { rmSync } from 'node:fs';
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { ConnectionBook } from './connection-book.ts';
import { HandshakeWatch } from './handshake-watch.ts';
import { handshakeMsMax, handshakesMax, linesMax } from './limits.ts';
import { connectSecurely, type PeerAddress } from './secure-socket.ts';
import { contextOptions, type TlsIdentity } from './tls-credentials.ts';

export interface LineServerOptions {
  readonly host: string;
  readonly tls: TlsIdentity;
  /** In a directory that nobody else may enter. */
  readonly socketPath: string;
  /** Whose certificate opens a line; to be known to the same authority is not enough. */
  readonly isCaller: (name: string) => boolean;
  /** Owns the socket from here on. */
  readonly onLine: (socket: Socket) => void;
}

export interface LineServer {
  /** host:port for other nodes. */
  readonly address: string;
  /** Lines to come are served with another certificate. */
  renew(tls: TlsIdentity): void;
  /** Ends the lines, too. */
  close(): Promise<void>;
}

export async function startLineServer(options: LineServerOptions): Promise<LineServer> {
  const { host, tls, socketPath, isCaller, onLine } = options;
  const lines = new Set<Socket>();
  const book = new ConnectionBook();
  const take = (socket: Socket) => {
    lines.add(socket);
    socket.once('close', () => lines.delete(socket));
    onLine(socket.setNoDelay(true));
  };
  const near = createServer(take);
  const mutual = { requestCert: true, rejectUnauthorized: true, handshakeTimeout: handshakeMsMax };
  const far = createTlsServer({ ...contextOptions(tls), ...mutual }, (socket) => {
    socket.on('error', () => socket.destroy());
    if (book.add(socket) && isCaller(book.callerOf(socket).name)) take(socket);
    else socket.destroy();
  });
  // Everybody on the machine can connect: those who are not through yet are few, and take no line's place.
  far.maxConnections = linesMax + handshakesMax;
  const handshakes = new HandshakeWatch(far);
  rmSync(socketPath, { force: true });
  await Promise.all([listen(near, { path: socketPath }), listen(far, { host, port: 0 })]);
  const bound = far.address();
  return {
    address: typeof bound === 'object' && bound ? `${host}:${bound.port}` : '',
    renew: (renewed) => far.setSecureContext(contextOptions(renewed)),
    async close() {
      for (const socket of lines) socket.destroy();
      handshakes.close();
      await Promise.all([closed(near), closed(far)]);
    },
  };
}

/** Dials at once; what is written before it is through waits. A failure is told by `close`. */
export function openLine(peer: PeerAddress | { readonly socketPath: string }): Socket {
  if ('socketPath' in peer) return connectSocket(peer.socketPath);
  return connectSecurely(peer, []);
}

function listen(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(where, () => {
    server.off('error', reject);
    // A handshake that fails, or a table of files that is full, is the peer's to notice.
    server.on('error', () => undefined);
    resolve();
  });
  return promise;
}

function closed(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  return promise;
}
