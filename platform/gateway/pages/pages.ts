/** Everything under /ui/: the dashboard's files, who the caller is, and the gateway's methods as JSON; and /metrics. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { methodsOf } from '#access';
import { isGatewayPath, PlatformError } from '#common';
import type { Caller } from '#rpc';
import type { Gate } from '../access/index.ts';
import { expositionType } from '../metrics/index.ts';
import { MethodDoor, type MethodDoorOptions } from './method-door.ts';
import { PageFiles, pageHeaders } from './page-files.ts';

export interface PagesOptions extends MethodDoorOptions {
  readonly gate: Gate;
  readonly pilot: string;
  /** Where the bundles lie. */
  readonly assets: string;
  /** For Prometheus. */
  readonly metrics: () => Promise<string>;
}

const root = '/ui/';
const methodPrefix = '/ui/api/';
const whoPath = '/ui/who';
const metricsPath = '/metrics';
/** Lead to the dashboard. */
const homePaths: ReadonlySet<string> = new Set(['/', '/ui']);

export class Pages {
  readonly #options: PagesOptions;
  readonly #files: PageFiles;
  readonly #methods: MethodDoor;

  constructor(options: PagesOptions) {
    this.#options = options;
    this.#files = new PageFiles(options.assets);
    this.#methods = new MethodDoor(options);
  }

  /** True for paths that are answered here; no function's trigger gets them. */
  owns(path: string): boolean {
    return isGatewayPath(path);
  }

  /** Throws `not-found`, `permission-denied` and what the methods throw. */
  async serve(path: string, caller: Caller, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (path.startsWith(methodPrefix)) {
      return await this.#methods.serve(path.slice(methodPrefix.length), caller, request, response);
    }
    if (request.method !== 'GET') throw new PlatformError('usage', `${path} takes GET`);
    // Whoever may not watch has nothing to see.
    this.#options.gate.admit({ method: 'Watch', caller, request: {} })?.('ok');
    if (path === whoPath) return this.#who(caller, response);
    if (path === metricsPath) {
      const text = await this.#options.metrics();
      response.writeHead(200, { 'Content-Type': expositionType }).end(text);
      return;
    }
    if (homePaths.has(path)) {
      response.writeHead(302, { ...pageHeaders, Location: root }).end();
      return;
    }
    if (!this.#files.serve(path, request, response)) {
      throw new PlatformError('not-found', `there is no ${path}`, { hint: `The dashboard is at ${root}` });
    }
  }

  /** So that a page offers only what its reader may do; the gate decides all the same. */
  #who(caller: Caller, response: ServerResponse): void {
    const { gate, pilot } = this.#options;
    const { role, functions } = gate.roleOf(caller.name);
    const methods = methodsOf(role, functions);
    response.writeHead(200, { ...pageHeaders, 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
    response.end(JSON.stringify({ pilot, name: caller.name, role, functions, methods }));
  }
}
