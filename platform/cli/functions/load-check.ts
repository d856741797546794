/**
 * Whether a script is a function, found out before a pilot hears of it: its top level runs once, in a host of its own that is
 * kept from this machine as an instance is from a node (docs/containment.md). What throws there may well run on a node, which has
 * other files: so only what loads and is no function is refused, the rest is told.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Bundle } from '#bundle';
import { messageOf, PlatformError } from '#common';
import { type Frame, FrameReader, FrameWriter, frameTypes, type LoadHeader, readErrorHeader } from '#frames';
import { type NodeIsolation, needsOwnHost, nodePlan, probeIsolation } from '#isolation';
import { distDirectory } from '../launcher-command.ts';

/** What is looked at, and the file that its author knows. */
export interface LoadedBundle {
  readonly bundle: Bundle;
  readonly entry: string | undefined;
}

type Verdict =
  | { readonly kind: 'function' }
  | { readonly kind: 'noFunction'; readonly message: string }
  | { readonly kind: 'unknown'; readonly why: string };

/** A top level that takes longer makes every start of an instance slow; whether it ends at all is not waited for. */
const waitMs = 5_000;
/** Hosts at once: each starts a process. */
const hostsMax = 4;
const memoryBytes = 256 * 2 ** 20;

export class LoadCheck implements AsyncDisposable {
  #isolation: Promise<NodeIsolation> | undefined;
  #ahead: Promise<LookingHost> | undefined;
  /** Digests of artifacts that are functions. */
  readonly #known = new Set<string>();
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Boots the host of the next check, which then takes a few milliseconds. */
  prepare(): void {
    this.#ahead ??= this.#start();
    // Whoever takes it is told.
    this.#ahead.catch(() => undefined);
  }

  /** Returns what their authors should know. Throws `invalid` for the first that is no function. */
  async requireFunctions(loaded: readonly LoadedBundle[]): Promise<readonly string[]> {
    const scripts = loaded.filter(
      ({ bundle: { spec, artifactDigest } }) => spec.kind === 'typescript' && !this.#known.has(artifactDigest),
    );
    const notes: string[] = [];
    for (let from = 0; from < scripts.length; from += hostsMax) {
      // All of them are waited for: each host takes its folder with it.
      for (const looked of await Promise.allSettled(
        scripts.slice(from, from + hostsMax).map((one) => this.#look(one)),
      )) {
        if (looked.status === 'rejected') throw looked.reason;
        if (looked.value !== '') notes.push(looked.value);
      }
    }
    return notes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    await ahead?.then(
      (host) => host[Symbol.dispose](),
      () => undefined,
    );
  }

  async #look({ bundle, entry }: LoadedBundle): Promise<string> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    using host = await (ahead ?? this.#start());
    const verdict = await host.look(bundle, this.#signal);
    const file = basename(entry ?? bundle.spec.name);
    if (verdict.kind === 'noFunction') {
      throw new PlatformError('invalid', `${file}: ${verdict.message}`, {
        hint: 'Write `export default defineFunction({ handle(event, ctx) { ... } })`.',
      });
    }
    if (verdict.kind === 'function') this.#known.add(bundle.artifactDigest);
    // What its permissions grant on a node, it has not been granted here.
    if (verdict.kind === 'function' || needsOwnHost(bundle.spec)) return '';
    return `${file} could not be tried here: ${verdict.why}`;
  }

  async #start(): Promise<LookingHost> {
    this.#isolation ??= probeIsolation(join(distDirectory(), 'confine.pl'));
    return new LookingHost(await this.#isolation);
  }
}

/** One process of the instance host that has one script to load, and ends with that. */
class LookingHost implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'pilotfish-load-'));
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #verdict = Promise.withResolvers<Verdict>();

  constructor(isolation: NodeIsolation) {
    const hostScript = join(distDirectory(), 'instance.cjs');
    const places = { nodeBinary: process.execPath, hostScript, readable: [], scratch: this.#folder, isolation };
    const { argv, env } = nodePlan({ ...places, environment: {} }, memoryBytes);
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe'] as const;
    this.#child = spawn(argv[0], argv.slice(1), { cwd: this.#folder, env, detached: true, stdio: [...stdio] });
    this.#child.once('error', (error) => this.#unknown(messageOf(error)));
    this.#child.once('exit', (code, signal) => this.#unknown(`its process ended by itself (${signal ?? code})`));
    this.#socket = this.#child.stdio[3] as Socket;
    const reader = new FrameReader((frame) => this.#receive(frame));
    this.#socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        this.#unknown(messageOf(error));
      }
    });
    this.#socket.on('error', () => undefined);
  }

  /** Rejects with `cancelled` once the signal aborts. */
  async look(bundle: Bundle, signal: AbortSignal): Promise<Verdict> {
    const load: LoadHeader = { ...this.#write(bundle), ...nowhere, function: bundle.spec.name, digest: bundle.digest };
    new FrameWriter(this.#socket).write(frameTypes.load, 0, 0, JSON.stringify(load));
    const cancel = () => this.#verdict.reject(new PlatformError('cancelled', 'it was interrupted'));
    if (signal.aborted) cancel();
    signal.addEventListener('abort', cancel, { once: true });
    const timer = setTimeout(() => this.#unknown(`its top level ran longer than ${waitMs / 1_000} s`), waitMs);
    try {
      return await this.#verdict.promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
    }
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Where only this host reads. */
  #write({ artifact, files }: Bundle): Pick<LoadHeader, 'artifact' | 'files'> {
    const path = join(this.#folder, 'function.js');
    writeFileSync(path, artifact);
    const written = files.map((file) => {
      const target = join(this.#folder, 'files', file.path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, file.data);
      return [file.path, target] as const;
    });
    return { artifact: path, files: Object.fromEntries(written) };
  }

  #receive({ type, header }: Frame): void {
    if (type === frameTypes.codeCache) this.#verdict.resolve({ kind: 'function' });
    if (type !== frameTypes.error) return;
    const { kind, message } = readErrorHeader(header);
    if (kind === 'noFunction') this.#verdict.resolve({ kind, message });
    else this.#unknown(`its top level throws: ${message}`);
  }

  #unknown(why: string): void {
    this.#verdict.resolve({ kind: 'unknown', why });
  }
}

/** What a load says besides, where nothing is called. */
const nowhere = {
  instance: '',
  node: '',
  version: 0,
  kind: 'typescript',
  codeCache: '',
  codeCacheOnly: true,
  config: {},
  secrets: {},
  concurrency: 1,
  batch: { size: 1, waitMs: 0 },
  resultFolder: '',
  memoryBytes,
} as const;
