/**
 * The port of a gRPC server: mutual TLS 1.3 with bounds that hold before anybody has proved who he is. Everybody on the
 * machine can connect, so a connection that does not finish its handshake is given little time and little room.
 */
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import { messageOf, PlatformError } from '#common';
import type { ConnectionBook } from './connection-book.ts';
import { HandshakeWatch } from './handshake-watch.ts';
import { connectionsMax, handshakeMsMax } from './limits.ts';

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
  readonly #handshakes: HandshakeWatch;

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
    this.#handshakes = new HandshakeWatch(this.#server);
    this.#server.on('secureConnection', (socket) => this.#admit(socket));
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
    this.#handshakes.close();
  }

  #admit(socket: TLSSocket): void {
    socket.on('error', () => socket.destroy());
    // A peer that speaks no HTTP/2 cannot be answered in a way that it understands.
    if (socket.alpnProtocol !== 'h2' || !this.#options.book.add(socket)) return void socket.destroy();
    this.#options.onConnection(socket);
  }
}
