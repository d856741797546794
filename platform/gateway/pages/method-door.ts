/**
 * The gateway's methods as JSON over HTTP: a POST is one call, a GET of a method that streams is a stream of events as
 * browsers read it (text/event-stream). The same handlers as behind gRPC, behind the same gate.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PlatformError } from '#common';
import { type Admission, type Caller, leaving, type PlainHandler, plainHandler } from '#rpc';
import { readRequestBody } from '../http/index.ts';
import { isJsonMethod, parseMethodRequest } from './method-requests.ts';
import { pageHeaders } from './page-files.ts';

export interface MethodDoorOptions {
  /** The gRPC handlers, by their name in TypeScript: `watch`. */
  readonly methods: Readonly<Record<string, object>>;
  readonly gate: Admission;
}

/** A page sends names and numbers. */
const bodyBytesMax = 64 * 2 ** 10;
/** Proxies cut a line that says nothing for a minute. */
const pingMs = 15_000;
/** Other sites cannot set it: a browser that holds a certificate sends it along with whatever a page asks for. */
const pageHeader = 'x-pilotfish';

export class MethodDoor {
  readonly #options: MethodDoorOptions;

  constructor(options: MethodDoorOptions) {
    this.#options = options;
  }

  async serve(method: string, caller: Caller, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const handler = this.#handler(method);
    if (!isJsonMethod(method) || !handler) throw new PlatformError('not-found', `${method} cannot be called here`);
    const isStream = handler.kind === 'serverStream';
    if (isStream !== (request.method === 'GET')) {
      throw new PlatformError('usage', `${method} takes ${isStream ? 'GET' : 'POST'}`);
    }
    if (!isStream && request.headers[pageHeader] === undefined) {
      throw new PlatformError('permission-denied', `a call needs the header ${pageHeader}`, {
        hint: 'Any value will do; it tells a program from a link on somebody else’s page.',
      });
    }
    const text = isStream ? queryOf(request) : (await readRequestBody(request, bodyBytesMax)).toString('utf8');
    const message = parseMethodRequest(method, text);
    const settle = this.#options.gate.admit({ method, caller, request: message });
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const context = { ...leaving(gone.signal), deadline: Number.POSITIVE_INFINITY, peer: caller.name };
    try {
      if (handler.kind === 'unary') answer(response, await handler.handle(message as never, context));
      else await stream(response, handler.handle(message as never, context), gone.signal);
      settle?.('ok');
    } catch (error) {
      settle?.(PlatformError.from(error).code);
      throw error;
    }
  }

  #handler(method: string): PlainHandler | undefined {
    const key = method.slice(0, 1).toLowerCase() + method.slice(1);
    const handler = Object.hasOwn(this.#options.methods, key) ? this.#options.methods[key] : undefined;
    return handler && plainHandler(handler);
  }
}

/** The request of a stream stands in the query: ?q={...} */
function queryOf(request: IncomingMessage): string {
  return new URL(request.url ?? '/', 'https://gateway').searchParams.get('q') ?? '';
}

function answer(response: ServerResponse, message: unknown): void {
  response.writeHead(200, { ...pageHeaders, 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(jsonText(message));
}

async function stream(response: ServerResponse, messages: AsyncIterable<unknown>, signal: AbortSignal): Promise<void> {
  response.writeHead(200, { ...pageHeaders, 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  response.flushHeaders();
  const ping = setInterval(() => response.write(': \n\n'), pingMs);
  try {
    for await (const message of messages) {
      if (signal.aborted) return;
      // A page that does not read holds up its own stream, not the gateway's memory (R6).
      if (!response.write(`data: ${jsonText(message)}\n\n`)) await once(response, 'drain', { signal });
    }
    response.end('event: end\ndata: {}\n\n');
  } catch (error) {
    if (!signal.aborted)
      response.end(`event: refused\ndata: ${jsonText({ message: PlatformError.from(error).message })}\n\n`);
  } finally {
    clearInterval(ping);
  }
}

/** Bytes as base64, as JSON of protobuf has them. */
function jsonText(message: unknown): string {
  return JSON.stringify(message, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'Buffer' && 'data' in value
      ? Buffer.from((value as unknown as { data: number[] }).data).toString('base64')
      : value,
  );
}
