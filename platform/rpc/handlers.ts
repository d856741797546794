/**
 * Turns async functions into grpc-js handlers: errors are translated once, a caller who went away aborts the signal,
 * and a stream is written no faster than its reader takes it.
 */
import { once } from 'node:events';
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  ServerWritableStream,
  sendUnaryData,
} from '@grpc/grpc-js';
import { PlatformError } from '#common';
import { callers } from './callers.ts';
import { toServiceError } from './service-error.ts';

/** The end of a caller's interest: he cancelled, his deadline passed, or his connection ended. */
export interface Leaving {
  /** Aborts then. Made when it is first asked for, which costs a small call a tenth of its time in the server. */
  readonly signal: AbortSignal;
  /** Calls `listener` then, once, and at once where it is so already; without a signal. Returns what takes it back. */
  whenGone(listener: () => void): () => void;
}

/** What a handler may know of its call. */
export interface CallContext extends Leaving {
  /** Milliseconds since 1970, or Infinity where the caller set none. */
  readonly deadline: number;
  /** Common name of the caller's certificate. */
  readonly peer: string;
}

/** The part of a server call that every kind has. */
interface AnyCall {
  readonly metadata: Metadata;
  getDeadline(): Date | number;
  once(event: 'cancelled', listener: () => void): unknown;
}

/** What a handler was made of: the same methods answer other doors than gRPC. */
export type PlainHandler =
  | { readonly kind: 'unary'; readonly handle: (request: never, context: CallContext) => unknown }
  | {
      readonly kind: 'serverStream';
      readonly handle: (request: never, context: CallContext) => AsyncIterable<unknown>;
    };

const plainHandlers = new WeakMap<object, PlainHandler>();

/** Undefined for handlers that take a stream. */
export function plainHandler(handler: object): PlainHandler | undefined {
  return plainHandlers.get(handler);
}

export function unary<Request, Response>(
  handle: (request: Request, context: CallContext) => Promise<Response> | Response,
): handleUnaryCall<Request, Response> {
  const handler: handleUnaryCall<Request, Response> = (call, callback) => {
    const context = new Context(call as unknown as AnyCall);
    answer(
      context,
      attempt(() => handle(call.request, context)),
      callback,
    );
  };
  plainHandlers.set(handler, { kind: 'unary', handle });
  return handler;
}

export function clientStream<Request, Response>(
  handle: (requests: AsyncIterable<Request>, context: CallContext) => Promise<Response>,
): handleClientStreamingCall<Request, Response> {
  return (call, callback) => {
    const context = new Context(call as unknown as AnyCall);
    answer(
      context,
      attempt(() => handle(call as AsyncIterable<Request>, context)),
      callback,
    );
  };
}

export function serverStream<Request, Response>(
  handle: (request: Request, context: CallContext) => AsyncIterable<Response>,
): handleServerStreamingCall<Request, Response> {
  const handler: handleServerStreamingCall<Request, Response> = (call) => {
    const context = new Context(call as unknown as AnyCall);
    void pump(() => handle(call.request, context), call, context.signal);
  };
  plainHandlers.set(handler, { kind: 'serverStream', handle });
  return handler;
}

export function bidiStream<Request, Response>(
  handle: (requests: AsyncIterable<Request>, context: CallContext) => AsyncIterable<Response>,
): handleBidiStreamingCall<Request, Response> {
  return (call) => {
    const context = new Context(call as unknown as AnyCall);
    const writable = call as unknown as ServerWritableStream<Request, Response>;
    void pump(() => handle(call as AsyncIterable<Request>, context), writable, context.signal);
  };
}

function answer<Response>(context: Context, response: Promise<Response>, callback: sendUnaryData<Response>): void {
  void response.then(
    (value) => {
      context.end();
      callback(null, value);
    },
    (thrown: unknown) => {
      context.end();
      callback(toServiceError(thrown));
    },
  );
}

/** A handler that throws before its first await counts like one that rejects. */
async function attempt<T>(run: () => Promise<T> | T): Promise<T> {
  return await run();
}

async function pump<Request, Response>(
  open: () => AsyncIterable<Response>,
  call: ServerWritableStream<Request, Response>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const response of open()) {
      if (signal.aborted) return;
      // grpc-js buffers without a bound: waiting for the drain hands its reader's pace on to the source.
      if (!call.write(response)) await once(call, 'drain', { signal });
    }
    call.end();
  } catch (thrown) {
    if (!signal.aborted) call.emit('error', toServiceError(thrown));
  }
}

class Context implements CallContext {
  readonly #call: AnyCall;
  /** Made for who asks for the signal: most calls end before anybody does. */
  #controller: AbortController | undefined;
  #cancelled = false;
  #ended = false;
  readonly #listeners: (() => void)[] = [];

  constructor(call: AnyCall) {
    this.#call = call;
    // grpc-js says so at the end of every call; once it is answered nobody needs to hear it.
    call.once('cancelled', () => {
      if (this.#ended) return;
      this.#cancelled = true;
      this.#controller?.abort(wentAway());
      for (const listener of this.#listeners.splice(0)) listener();
    });
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#cancelled) this.#controller.abort(wentAway());
    }
    return this.#controller.signal;
  }

  whenGone(listener: () => void): () => void {
    if (this.#cancelled) listener();
    else this.#listeners.push(listener);
    return () => {
      const at = this.#listeners.indexOf(listener);
      if (at >= 0) this.#listeners.splice(at, 1);
    };
  }

  get deadline(): number {
    return Number(this.#call.getDeadline());
  }

  get peer(): string {
    return callers.get(this.#call)?.name ?? '';
  }

  /** The call has been answered. */
  end(): void {
    this.#ended = true;
  }
}

/** Of whoever is known by a signal. */
export function leaving(signal: AbortSignal): Leaving {
  return {
    signal,
    whenGone(listener) {
      if (signal.aborted) listener();
      else signal.addEventListener('abort', listener, { once: true });
      return () => signal.removeEventListener('abort', listener);
    },
  };
}

function wentAway(): PlatformError {
  return new PlatformError('cancelled', 'The caller went away');
}
