/**
 * A door on loopback before the gateway's pages. Loopback is not private: the first request shows the key of the printed
 * address, every other one the cookie that it was given for it; other sites' pages have neither.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { PlatformError } from '#common';
import type { Connection } from '#model';

export interface DashboardDoorOptions {
  readonly port: number;
  readonly tls: Connection['tls'];
  readonly serverName: string;
  /** Where the gateway's door is now; asked again once it does not answer there. */
  readonly gateway: () => Promise<string>;
}

export interface DashboardDoor {
  readonly port: number;
  readonly url: string;
  [Symbol.asyncDispose](): Promise<void>;
}

const host = '127.0.0.1';
/** A page opens a handful: one a stream, one a call. */
const socketsMax = 64;
const keyBytes = 24;
/** Everybody on the machine can connect: places and patience for a browser, and not for all who say nothing. */
const connectionsMax = 512;
const headersMsMax = 2_000;
const lateCheckMs = 500;
/** What is passed on of a request, and of an answer; nothing else of the browser's is the gateway's affair. */
const requestHeaders = ['accept', 'accept-encoding', 'content-type', 'content-length', 'if-none-match', 'x-pilotfish'];
const droppedAnswers = new Set(['connection', 'keep-alive', 'transfer-encoding']);

/** Throws `conflict` where the port is taken. */
export async function openDashboardDoor(options: DashboardDoorOptions): Promise<DashboardDoor> {
  const key = randomBytes(keyBytes).toString('base64url');
  const agent = new Agent({ ...options.tls, servername: options.serverName, keepAlive: true, maxSockets: socketsMax });
  let gateway: Promise<string> | undefined;
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    gateway ??= options.gateway();
    try {
      await forward(await gateway, { agent, request, response });
    } catch (error) {
      // It may have moved, or be starting: asked anew at the next request, which the page sends by itself.
      gateway = undefined;
      refuse(response, 502, `The gateway does not answer: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const server = createServer(
    { headersTimeout: headersMsMax, connectionsCheckingInterval: lateCheckMs },
    (request, response) => {
      const { port } = server.address() as AddressInfo;
      if (!isHere(request.headers.host, port)) return refuse(response, 421, 'This address is not served here.');
      const cookie = `pilotfish-${port}`;
      if (isSame(cookieOf(request, cookie), key)) return void pass(request, response);
      const given = targetOf(request)?.searchParams.get('key') ?? undefined;
      if (!isSame(given, key)) return refuse(response, 401, 'Open the address that `pilotfish dashboard` has printed.');
      response.setHeader('Set-Cookie', `${cookie}=${key}; Path=/; HttpOnly; SameSite=Strict`);
      response.setHeader('Referrer-Policy', 'no-referrer');
      response.writeHead(303, { Location: '/ui/' }).end();
    },
  );
  server.maxConnections = connectionsMax;
  server.listen(options.port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new PlatformError('conflict', `port ${options.port} is taken`, { hint: 'Give another one: --port 0' });
  }
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://${host}:${port}/?key=${key}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await closed;
    },
  };
}

interface Forwarding {
  readonly agent: Agent;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Rejects where the gateway cannot be reached; an answer that breaks off ends the browser's, which asks again. */
async function forward(gateway: string, { agent, request, response }: Forwarding): Promise<void> {
  const headers = Object.fromEntries(
    requestHeaders.flatMap((name) => (request.headers[name] === undefined ? [] : [[name, request.headers[name]]])),
  ) as Record<string, string>;
  const { pathname, search } = targetOf(request) ?? { pathname: '/', search: '' };
  const target = Object.assign(new URL(gateway), { pathname, search });
  const sent = httpsRequest(target, { agent, method: request.method ?? 'GET', headers });
  response.once('close', () => sent.destroy());
  request.pipe(sent);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  sent.on('error', () => response.destroy());
  const kept = Object.entries(answer.headers).filter(([name]) => !droppedAnswers.has(name));
  response.writeHead(answer.statusCode ?? 502, Object.fromEntries(kept) as Record<string, string>);
  response.flushHeaders();
  answer.on('error', () => response.destroy());
  answer.pipe(response);
}

function refuse(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' });
  response.end(`${text}\n`);
}

/** Whatever stands in the first line; its host is none of ours to follow. Undefined where it is no address at all. */
function targetOf({ url = '/' }: IncomingMessage): URL | undefined {
  return URL.parse(url, `http://${host}`) ?? undefined;
}

/** Another site's name that leads to loopback is not ours. */
function isHere(named: string | undefined, port: number): boolean {
  return named === `${host}:${port}` || named === `localhost:${port}`;
}

function cookieOf(request: IncomingMessage, name: string): string | undefined {
  return request.headers.cookie
    ?.split('; ')
    .find((each) => each.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}

function isSame(given: string | undefined, key: string): boolean {
  const bytes = Buffer.from(given ?? '');
  return bytes.length === key.length && timingSafeEqual(bytes, Buffer.from(key));
}
