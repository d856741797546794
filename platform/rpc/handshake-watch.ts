/** Connections that have not finished their handshake: few, and the oldest gives way. Everybody on the machine can make one. */
import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import { handshakesMax } from './limits.ts';

export class HandshakeWatch {
  /** Oldest first. */
  readonly #shaking = new Set<Socket>();

  /** Whoever opens many and says nothing only pushes out himself. */
  constructor(server: Server) {
    server.prependListener('connection', (socket: Socket) => {
      this.#shaking.add(socket);
      socket.once('close', () => this.#shaking.delete(socket));
      const [oldest] = this.#shaking;
      if (this.#shaking.size > handshakesMax) oldest?.destroy();
    });
    server.prependListener('secureConnection', (socket: TLSSocket) => this.#settle(socket));
    // Refused certificates and cut connections: the peer is told by TLS, nobody else needs to know.
    server.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  close(): void {
    for (const socket of this.#shaking) socket.destroy();
  }

  /** The TLS socket is another object than the one below it; both have the same ends. */
  #settle({ remoteAddress, remotePort }: TLSSocket): void {
    for (const socket of this.#shaking)
      if (socket.remotePort === remotePort && socket.remoteAddress === remoteAddress) this.#shaking.delete(socket);
  }
}
