/**
 * The gateway's door for HTTP: a POST becomes an event, or a call whose result is the answer. Mutual TLS like everything
 * else: loopback is not private.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type EventPublisher, encodeHeaders, eventSubject, messageIdHeader } from '#broker';
import { type Clock, PlatformError } from '#common';
import type { FunctionSpec, InvokeResponse } from '#proto';
import {
  type Caller,
  CallerRates,
  ConnectionBook,
  contextOptions,
  HandshakeWatch,
  handshakeMsMax,
  type TlsIdentity,
} from '#rpc';
import type { Logger } from '#telemetry';
import { errorBody, httpStatus } from './http-error.ts';
import { eventHeaders, readRequestBody, requestId } from './http-request.ts';
import { findRoute, type HttpRoute } from './http-route.ts';

export interface HttpCall {
  readonly functionName: string;
  readonly payload: Buffer;
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
}

export interface HttpDoorOptions {
  readonly host: string;
  /** The port it had before, 0 for any. */
  readonly port: number;
  readonly tls: TlsIdentity;
  /** The latest version of every function. */
  readonly functions: () => readonly FunctionSpec[];
  readonly isPaused: (functionName: string, trigger: string) => boolean;
  /** False while the stream has room for functions' outputs only. */
  readonly hasRoom: () => Promise<boolean>;
  readonly publisher: EventPublisher;
  /** Throws `permission-denied` where the caller may not trigger that; returns what is told once the request is over. */
  readonly admit: (caller: Caller, route: HttpRoute) => () => void;
  readonly call: (call: HttpCall) => Promise<InvokeResponse>;
  /** Answers paths that are no trigger's. */
  readonly pages: {
    owns(path: string): boolean;
    serve(path: string, caller: Caller, request: IncomingMessage, response: ServerResponse): Promise<void>;
  };
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly logger: Logger;
}

/** Requests at a time, and what their bodies may come to; more are told to come again (R6). */
const requestsMax = 256;
/** Of one certificate, the owner's too: more than this door answers on a large node, so that only a loop meets it. */
const requestsPerSecondMax = 10_000;
const bodyBytesMax = 256 * 2 ** 20;
const connectionsMax = 1_024;
/** A caller that sends slower than this allows is cut off. */
const requestMsMax = 120_000;
const headersMsMax = 5_000;
/** How often Node looks for those that are late; its default of 30 s would be a bound of its own. */
const lateCheckMs = 1_000;
/** Headers of one request, and their bytes; Node's defaults, said because they are bounds. */
const headersMax = 200;
const headerBytesMax = 16 * 2 ** 10;
/** A connection that asks for nothing more ends. */
const idleMsMax = 5_000;
const retryAfterSeconds = 2;

export class HttpDoor {
  readonly #options: HttpDoorOptions;
  readonly #server: Server;
  readonly #handshakes: HandshakeWatch;
  readonly #book = new ConnectionBook();
  readonly #rates = new CallerRates(requestsPerSecondMax);
  readonly #ending = new AbortController();
  #requests = 0;
  #bodyBytes = 0;

  private constructor(options: HttpDoorOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        ...contextOptions(options.tls),
        requestCert: true,
        rejectUnauthorized: true,
        requestTimeout: requestMsMax,
        headersTimeout: headersMsMax,
        keepAliveTimeout: idleMsMax,
        connectionsCheckingInterval: lateCheckMs,
        handshakeTimeout: handshakeMsMax,
        maxHeaderSize: headerBytesMax,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = connectionsMax;
    this.#server.maxHeadersCount = headersMax;
    this.#handshakes = new HandshakeWatch(this.#server);
    this.#server.prependListener('secureConnection', (socket: TLSSocket) => this.#know(socket));
  }

  static async open(options: HttpDoorOptions): Promise<HttpDoor> {
    const door = new HttpDoor(options);
    try {
      await door.#listen(options.port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      await door.#listen(0);
    }
    return door;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  urlOf(path: string): string {
    return `https://${this.#options.host}:${this.port}${path}`;
  }

  /** Ends all connections of one caller; returns how many there were. */
  cut(name: string): number {
    return this.#book.cut(name);
  }

  /** Connections to come get the new certificate. */
  renew(tls: TlsIdentity): void {
    this.#server.setSecureContext(contextOptions(tls));
  }

  async close(): Promise<void> {
    this.#ending.abort();
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#handshakes.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #listen(port: number): Promise<void> {
    this.#server.listen(port, this.#options.host);
    await once(this.#server, 'listening');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests++;
    let reserved = 0;
    let leave = (): void => undefined;
    try {
      if (!this.#rates.take(this.#callerOf(request).name, this.#options.clock.monotonic()))
        throw tooMany('in a second');
      const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
      if (this.#options.pages.owns(path)) {
        if (this.#requests > requestsMax) throw tooMany('at a time');
        return await this.#options.pages.serve(path, this.#callerOf(request), request, response);
      }
      const route = this.#routeOf(request, response, path);
      leave = this.#options.admit(this.#callerOf(request), route);
      reserved = this.#reserve(route.trigger.http?.bodyBytesMax ?? 0);
      const headers = eventHeaders(request, path);
      const body = await readRequestBody(request, route.trigger.http?.bodyBytesMax ?? 0);
      if (route.trigger.http?.answer === 'result') await this.#answer(route, body, headers, response);
      else await this.#accept(route, body, headers, requestId(request, route), response);
    } catch (error) {
      this.#fail(response, PlatformError.from(error));
      // What is still to come of a refused body is not read.
      request.destroy();
    } finally {
      leave();
      this.#requests--;
      this.#bodyBytes -= reserved;
    }
  }

  #callerOf(request: IncomingMessage): Caller {
    return this.#book.callerOf(request.socket as TLSSocket);
  }

  /** Before its first request is read. */
  #know(socket: TLSSocket): void {
    if (!this.#book.add(socket)) socket.destroy();
  }

  #routeOf(request: IncomingMessage, response: ServerResponse, path: string): HttpRoute {
    const route = findRoute(this.#options.functions(), path);
    if (!route) {
      throw new PlatformError('not-found', `no function is triggered by ${path}`, {
        hint: '`pilotfish trigger list -o wide` shows the URLs.',
      });
    }
    if (request.method !== 'POST') {
      response.setHeader('Allow', 'POST');
      throw new PlatformError('usage', `${request.method} is not for ${path}: it takes POST`);
    }
    return route;
  }

  #reserve(bytes: number): number {
    if (this.#requests > requestsMax || this.#bodyBytes + bytes > bodyBytesMax) throw tooMany('at a time');
    this.#bodyBytes += bytes;
    return bytes;
  }

  async #answer(
    { functionName, trigger }: HttpRoute,
    payload: Buffer,
    headers: Record<string, string>,
    response: ServerResponse,
  ): Promise<void> {
    if (this.#options.isPaused(functionName, trigger.name))
      throw new PlatformError('unavailable', `trigger ${trigger.name} of ${functionName} is paused`);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.#ending.signal]);
    const result = await this.#options.call({ functionName, payload, headers, signal });
    const spec = this.#options.functions().find(({ name }) => name === functionName);
    response.setHeader('Content-Type', spec?.cloudEvents?.contentType || 'application/octet-stream');
    response.setHeader('Pilotfish-Instance', result.instance);
    response.end(result.payload);
  }

  /** 202 only once the stream has stored the event (R2): a caller without it may send again under the same key. */
  async #accept(
    route: HttpRoute,
    payload: Buffer,
    headers: Record<string, string>,
    id: string,
    response: ServerResponse,
  ): Promise<void> {
    if (!(await this.#options.hasRoom()))
      throw new PlatformError('no-capacity', 'the stream of events is full', { hint: 'Send it again a little later.' });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const lines = encodeHeaders([[messageIdHeader, id], ...Object.entries(headers)]);
    const subject = eventSubject(route.subject);
    this.#options.publisher.publish(subject, payload, lines, (error) => (error ? reject(error) : resolve()));
    await promise;
    response.writeHead(202, { 'Content-Type': 'application/json' });
    response.end(`${JSON.stringify({ id, subject: route.subject })}\n`);
  }

  #fail(response: ServerResponse, error: PlatformError): void {
    if (error.code === 'internal') this.#options.logger.error({ error: error.message }, 'http request failed');
    if (response.headersSent) return void response.destroy();
    const status = httpStatus(error.code);
    if (status === 503) response.setHeader('Retry-After', String(retryAfterSeconds));
    response.writeHead(status, { 'Content-Type': 'application/json', Connection: 'close' });
    response.end(errorBody(error));
  }
}

function tooMany(when: string): PlatformError {
  return new PlatformError('no-capacity', `too many requests ${when}`, { hint: 'Send it again a little later.' });
}
