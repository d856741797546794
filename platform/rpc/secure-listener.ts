/**
 * The port of a gRPC server: mutual TLS 1.3 with bounds that hold before anybody has proved who he is. Everybody on the
 * machine can connect, so a connection that does not finish its handshake is given little time and little room.
 */
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import { messageOf, PlatformError } from '#common';
import type { ConnectionBook } from './connection-book.ts';
import { connectionsMax, handshakeMsMax, handshakesMax } from './limits.ts';

export interface SecureListenerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly context: SecureContextOptions;
  readonly book: ConnectionBook;
  readonly onConnection: (socket: TLSSocket) => void;
}

export class SecureListener {
  readonly #options: SecureListenerOptions;
  readonly #server: Server;
  /** Connections whose handshake is under way, oldest first. */
  readonly #shaking = new Set<Socket>();

  constructor(options: SecureListenerOptions) {
    this.#options = options;
    this.#server = createServer({
      ...options.context,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2'],
      handshakeTimeout: handshakeMsMax,
    });
    this.#server.maxConnections = connectionsMax;
    this.#server.prependListener('connection', (socket: Socket) => this.#watchHandshake(socket));
    this.#server.on('secureConnection', (socket) => this.#admit(socket));
    // Refused certificates and cut connections: the peer is told by TLS, nobody else needs to know.
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  /** The port, once it is bound; throws `unavailable` where it is taken. */
  listen(): Promise<number> {
    const { host, port } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#server.once('error', (error) => {
      const message = `Cannot listen on ${host}:${port}: ${messageOf(error)}`;
      reject(new PlatformError('unavailable', message, { cause: error, hint: 'Is another process using the port?' }));
    });
    this.#server.listen(port, host, () => {
      const address = this.#server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
    return promise;
  }

  /** Connections to come see the new certificate; those that there are go on. */
  renew(context: SecureContextOptions): void {
    this.#server.setSecureContext(context);
  }

  /** Takes no more connections. */
  close(): void {
    this.#server.close();
    for (const socket of this.#shaking) socket.destroy();
  }

  /** The oldest gives way: whoever opens many and says nothing only pushes out himself. */
  #watchHandshake(socket: Socket): void {
    this.#shaking.add(socket);
    socket.once('close', () => this.#shaking.delete(socket));
    if (this.#shaking.size <= handshakesMax) return;
    const [oldest] = this.#shaking;
    oldest?.destroy();
  }

  #admit(socket: TLSSocket): void {
    this.#settle(socket);
    socket.on('error', () => socket.destroy());
    // A peer that speaks no HTTP/2 cannot be answered in a way that it understands.
    if (socket.alpnProtocol !== 'h2' || !this.#options.book.add(socket)) return void socket.destroy();
    this.#options.onConnection(socket);
  }

  /** The TLS socket is another object than the one below it; both have the same ends. */
  #settle({ remoteAddress, remotePort }: TLSSocket): void {
    for (const socket of this.#shaking)
      if (socket.remotePort === remotePort && socket.remoteAddress === remoteAddress) this.#shaking.delete(socket);
  }
}
