/**
 * V8's compiled form of the bundles on this node: half of what a large bundle's start takes. Made by a host of its own,
 * as confined as any, that runs the bundle's top level and nothing else; written here by the agent, where functions may
 * read and not write. By content and version of Node: another one finds none and makes its own.
 *
 * V8 checks its version and the source's length, not the content: a damaged cache ends the process. So the file ends with
 * the SHA-256 of what is before it, and an agent looks at it before its first use.
 */
import { hash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { messageOf } from '#common';
import { codeCacheDigestBytes, FrameReader, FrameWriter, frameTypes, type LoadHeader } from '#frames';
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
  readonly #replaced = new Set<string>();
  /** Paths of caches that are whole. */
  readonly #whole = new Set<string>();

  constructor(options: CodeCacheOptions) {
    this.#options = options;
  }

  /** Path of the version's cache; empty where there is none. */
  pathOf(version: FunctionVersion): string {
    const path = this.#path(version);
    return this.#isWhole(path) ? path : '';
  }

  /** Makes the cache where it pays and is not there yet. Never rejects: without one, functions start all the same. */
  async prepare(version: FunctionVersion, load: LoadHeader): Promise<void> {
    if (load.kind !== 'typescript' || version.artifactBytes < artifactBytesMin) return;
    const path = this.#path(version);
    if (this.#isWhole(path) || this.#tried.has(version.artifactDigest)) return;
    this.#tried.add(version.artifactDigest);
    try {
      const cache = await this.#make({ ...load, codeCacheOnly: true, codeCache: '', secrets: {} });
      const partial = `${path}.${process.pid}.partial`;
      rmSync(partial, { force: true });
      writeFileSync(partial, Buffer.concat([cache, digestOf(cache)]), { mode: 0o400, flag: 'wx' });
      renameSync(partial, path);
    } catch (error) {
      this.#options.onTrouble(version.function, `no code cache: ${messageOf(error)}`);
    }
  }

  /** V8 has rejected it: the next instances start with a new one. Once: what is rejected again would be for ever. */
  replace(version: FunctionVersion, load: LoadHeader): void {
    if (this.#replaced.has(version.artifactDigest)) return;
    this.#replaced.add(version.artifactDigest);
    this.#remove(this.#path(version));
    this.#tried.delete(version.artifactDigest);
    void this.prepare(version, load);
  }

  #isWhole(path: string): boolean {
    if (this.#whole.has(path)) return true;
    if (!existsSync(path)) return false;
    const bytes = readFileSync(path);
    const cache = bytes.subarray(0, -codeCacheDigestBytes);
    if (digestOf(cache).equals(bytes.subarray(-codeCacheDigestBytes))) this.#whole.add(path);
    else this.#remove(path);
    return this.#whole.has(path);
  }

  #remove(path: string): void {
    this.#whole.delete(path);
    rmSync(path, { force: true });
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

function digestOf(cache: Uint8Array): Buffer {
  return hash('sha256', cache, 'buffer');
}
