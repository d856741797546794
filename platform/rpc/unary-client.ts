/**
 * Unary calls on a connection of their own, for methods that are called thousands of times a second. grpc-js takes 88 us of
 * CPU time for a call among 32, this 30: it makes a call of a dozen objects and asks its resolver, balancer and filters each time,
 * where a pilot has one gateway. Streams, and all that is called now and then, stay with grpc-js.
 */
import { status } from '@grpc/grpc-js';
import { messageOf } from '#common';
import type { CallSettings } from './channel.ts';
import { dialHttp2 } from './dial-http2.ts';
import { callersKeepalive, callTimeoutMs, type Keepalive, timerMsMax } from './limits.ts';
import { fromStatus } from './service-error.ts';
import type { TlsIdentity } from './tls-credentials.ts';
import { type UnaryDefinition, type UnaryWay, unaryCall } from './unary-call.ts';

export interface UnaryPeer {
  /** host:port each; the first that answers is taken, again after each loss. */
  readonly addresses: readonly string[];
  readonly serverName: string;
  readonly tls: TlsIdentity;
}

/** Dials at the first call, and again at the first one after a loss. Close it, or the process stays. */
export class UnaryClient {
  readonly #peer: UnaryPeer;
  readonly #keepalive: Keepalive;
  readonly #closing = new AbortController();
  #way: UnaryWay | undefined;
  #dialing: Promise<UnaryWay> | undefined;

  constructor(peer: UnaryPeer, keepalive: Keepalive = callersKeepalive) {
    this.#peer = peer;
    this.#keepalive = keepalive;
  }

  /** Rejects with a PlatformError, `unavailable` where nobody answers or the connection is lost. */
  call<Request, Response>(
    method: UnaryDefinition<Request, Response>,
    request: Request,
    settings: CallSettings = {},
  ): Promise<Response> {
    const way = this.#way;
    if (way && !way.session.closed && !way.session.destroyed) return unaryCall(way, method, request, settings);
    return this.#dialAndCall(method, request, settings);
  }

  /** Ends calls that are open, with `unavailable`. */
  close(): void {
    this.#closing.abort();
  }

  async #dialAndCall<Request, Response>(
    method: UnaryDefinition<Request, Response>,
    request: Request,
    { timeoutMs = callTimeoutMs, ...settings }: CallSettings,
  ): Promise<Response> {
    const began = performance.now();
    // Calls that come meanwhile wait for the same connection.
    this.#dialing ??= this.#dial().finally(() => {
      this.#dialing = undefined;
    });
    const way = await patient(this.#dialing, timeoutMs, settings.signal);
    const leftMs = Math.max(0, timeoutMs - (performance.now() - began));
    return await unaryCall(way, method, request, { ...settings, timeoutMs: leftMs });
  }

  async #dial(): Promise<UnaryWay> {
    const { addresses, serverName, tls } = this.#peer;
    const { signal } = this.#closing;
    let failure: unknown;
    for (const address of addresses) {
      if (signal.aborted) throw fromStatus(status.UNAVAILABLE, 'the client is closed');
      try {
        const session = await dialHttp2({ address, serverName, tls }, this.#keepalive, signal);
        this.#way = { session, authority: serverName };
        return this.#way;
      } catch (error) {
        failure = error;
      }
    }
    throw fromStatus(status.UNAVAILABLE, whyNobody(failure), undefined, failure);
  }
}

function whyNobody(failure: unknown): string {
  const { syscall, code, address, port } = failure as NodeJS.ErrnoException & { address?: string; port?: number };
  return syscall === 'connect' ? `nobody answers at ${address}:${port} (${code})` : messageOf(failure);
}

/** Waits no longer than the caller does; what is waited for goes on. */
async function patient<T>(wait: Promise<T>, timeoutMs: number, signal: AbortSignal | undefined): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = () => reject(fromStatus(status.DEADLINE_EXCEEDED, `no connection within ${timeoutMs} ms`));
  const cancel = () => reject(fromStatus(status.CANCELLED, 'the call was cancelled'));
  const timer = Number.isFinite(timeoutMs) ? setTimeout(late, Math.min(timeoutMs, timerMsMax)) : undefined;
  if (signal?.aborted) cancel();
  else signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await Promise.race([wait, promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
  }
}
