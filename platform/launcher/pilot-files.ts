/** What a launcher waits for in the pilot's directory: addresses of the pilot's servers, and certificates. */
import { existsSync } from 'node:fs';
import type { NodeConfig } from '#model';
import { pilotPaths, signNodeCertificates, waitForFile } from '#pilot';
import { readRoutes, readServers } from './broker-ports.ts';

export interface PilotFilesOptions {
  readonly config: NodeConfig;
  readonly signal: AbortSignal;
  /** This node has signed its own certificates. */
  readonly onSigned: () => void;
}

/** Nodes of one scheduler job start together, give or take a slow file system. */
const fileWaitMs = 60_000;

export class PilotFiles {
  readonly #options: PilotFilesOptions;
  #signed: Promise<void> | undefined;

  constructor(options: PilotFilesOptions) {
    this.#options = options;
  }

  /** Where the other servers' routes are. */
  routes(): Promise<string[]> {
    return this.#brokers(() => readRoutes(this.#options.config), 'the addresses of the other brokers');
  }

  /** URLs of all servers, once all are ready. */
  servers(): Promise<string[]> {
    return this.#brokers(() => readServers(this.#options.config), "the brokers' addresses");
  }

  /** `up` signs certificates while the broker starts; the owner's, written last, tells that all are there. A block's node signs its own. */
  async keys(): Promise<void> {
    const { config, onSigned } = this.#options;
    if (config.block !== undefined) {
      this.#signed ??= signNodeCertificates(config).then(onSigned);
      return await this.#signed;
    }
    const { keys, cert } = pilotPaths(config.pilotDirectory);
    await this.#wait(keys, () => (existsSync(cert('owner')) ? true : undefined), "the pilot's certificates");
  }

  #brokers<T>(look: () => T | undefined, what: string): Promise<T> {
    return this.#wait(pilotPaths(this.#options.config.pilotDirectory).brokers, look, what);
  }

  #wait<T>(directory: string, look: () => T | undefined, what: string): Promise<T> {
    const { signal } = this.#options;
    return waitForFile({ directory, look, timeoutMs: fileWaitMs, what, signal });
  }
}
