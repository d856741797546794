/**
 * V8's compiled form of the bundles on this node: half of what a large bundle's start takes. Made by a host of its own,
 * as confined as any, that runs the bundle's top level and nothing else; written here by the agent, where functions may
 * read and not write. By content and version of Node: another one finds none and makes its own.
 */
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { messageOf } from '#common';
import { FrameReader, FrameWriter, frameTypes, type LoadHeader } from '#frames';
import type { FunctionVersion } from '#proto';
import type { HostProcess } from './host-process.ts';

export interface CodeCacheOptions {
  /** Path of the artifact; the cache lies beside it. */
  readonly artifactPath: (digest: string) => string;
  /** A process that belongs to nobody yet. */
  readonly fork: () => HostProcess;
  readonly onTrouble: (functionName: string, error: string) => void;
}

/** Smaller bundles compile in less time than a cache takes to be read. */
const artifactBytesMin = 32 * 2 ** 10;
/** A cache is about half of its bundle; this is no cache any more. */
const cacheBytesMax = 64 * 2 ** 20;
/** A top level that takes longer starts without. */
const waitMs = 20_000;

export class CodeCache {
  readonly #options: CodeCacheOptions;
  /** Digests whose cache is being made, or could not be. */
  readonly #tried = new Set<string>();

  constructor(options: CodeCacheOptions) {
    this.#options = options;
  }

  /** Path of the version's cache; empty where there is none. */
  pathOf(version: FunctionVersion): string {
    const path = this.#path(version);
    return existsSync(path) ? path : '';
  }

  /** Makes the cache where it pays and is not there yet. Never rejects: without one, functions start all the same. */
  async prepare(version: FunctionVersion, load: LoadHeader): Promise<void> {
    if (load.kind !== 'typescript' || version.artifactBytes < artifactBytesMin) return;
    const path = this.#path(version);
    if (existsSync(path) || this.#tried.has(version.artifactDigest)) return;
    this.#tried.add(version.artifactDigest);
    try {
      const cache = await this.#make({ ...load, codeCacheOnly: true, codeCache: '', secrets: {} });
      const partial = `${path}.${process.pid}.partial`;
      rmSync(partial, { force: true });
      writeFileSync(partial, cache, { mode: 0o400, flag: 'wx' });
      renameSync(partial, path);
    } catch (error) {
      this.#options.onTrouble(version.function, `no code cache: ${messageOf(error)}`);
    }
  }

  #path({ artifactDigest }: FunctionVersion): string {
    return `${this.#options.artifactPath(artifactDigest)}.${process.version}-${process.arch}.cache`;
  }

  async #make(load: LoadHeader): Promise<Uint8Array> {
    const host = this.#options.fork();
    const made = Promise.withResolvers<Uint8Array>();
    const timer = setTimeout(() => made.reject(new Error(`its top level ran longer than ${waitMs} ms`)), waitMs);
    host.adopt({
      output: () => undefined,
      ended: (reason) => made.reject(new Error(reason)),
      connected: (socket, early) => {
        const reader = new FrameReader((frame) => {
          if (frame.type === frameTypes.error) made.reject(new Error('its top level throws'));
          if (frame.type !== frameTypes.codeCache) return;
          if (frame.body.length === 0 || frame.body.length > cacheBytesMax)
            made.reject(new Error('it has no usable size'));
          else made.resolve(frame.body);
        });
        const push = (chunk: Buffer) => {
          try {
            reader.push(chunk);
          } catch (error) {
            made.reject(error as Error);
          }
        };
        socket.on('data', push);
        socket.on('error', () => undefined);
        if (early.length > 0) push(early);
        new FrameWriter(socket).write(frameTypes.load, 0, 0, JSON.stringify(load));
        socket.resume();
      },
    });
    try {
      return await made.promise;
    } finally {
      clearTimeout(timer);
      host.kill('SIGKILL');
    }
  }
}
