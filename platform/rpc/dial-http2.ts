/** An HTTP/2 session over mutual TLS 1.3 that notices a silent peer. */
import { type ClientHttp2Session, connect } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { answerWindowBytes, handshakeMsMax, type Keepalive } from './limits.ts';
import { connectSecurely, type PeerAddress } from './secure-socket.ts';

/** Resolves once the peer has shown its certificate and its settings; rejects with what stands in the way. The signal ends it. */
export function dialHttp2(peer: PeerAddress, keepalive: Keepalive, signal: AbortSignal): Promise<ClientHttp2Session> {
  const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>();
  const { address } = peer;
  const socket = connectSecurely(peer, ['h2']);
  const session = connect(`https://${address}`, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: answerWindowBytes },
    // The answers of a call are bounded, and so are the calls of a caller; Node's own bound of 10 MB is that of two answers.
    maxSessionMemory: Number.MAX_SAFE_INTEGER,
  });
  const giveUp = (why: string) => socket.destroy(new Error(`${address} ${why}`));
  const late = setTimeout(() => giveUp(`did not finish its handshake within ${handshakeMsMax} ms`), handshakeMsMax);
  const leave = () => giveUp('is left: the client is closed');
  signal.addEventListener('abort', leave, { once: true });
  session.once('remoteSettings', () => {
    clearTimeout(late);
    session.setLocalWindowSize(answerWindowBytes);
    keepAlive(session, socket, keepalive);
    resolve(session);
  });
  // After the handshake it is the calls that have to know of an error, and their streams are told.
  session.on('error', reject);
  session.once('close', () => {
    clearTimeout(late);
    signal.removeEventListener('abort', leave);
    reject(new Error(`${address} closed the connection`));
  });
  return promise;
}

/**
 * A ping without an answer ends the connection, and every call on it with `unavailable`. It is the socket that is ended, as
 * everywhere here: a session that its peer has begun to close would wait for the peer to hang up. There Node sends no pings
 * either; that the machine is gone is seen by TCP's.
 */
function keepAlive(session: ClientHttp2Session, socket: TLSSocket, { timeMs, timeoutMs }: Keepalive): void {
  socket.setKeepAlive(true, timeMs);
  let silent: NodeJS.Timeout | undefined;
  const giveUp = () => socket.destroy(new Error(`no sign of life for ${timeMs + timeoutMs} ms`));
  const pings = setInterval(() => {
    if (silent || session.destroyed) return;
    silent = setTimeout(giveUp, timeoutMs).unref();
    session.ping(() => {
      clearTimeout(silent);
      silent = undefined;
    });
  }, timeMs).unref();
  socket.once('close', () => {
    clearInterval(pings);
    clearTimeout(silent);
  });
}
