/**
 * AssemblyScript to WASM. The compiler works on a thread of its own, started when it is first needed: it takes seconds, in which this process
 * must hear a signal, the next edit, or what a pilot says.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { PlatformError } from '#common';
import type { CompiledModule } from './assemblyscript-compiler.ts';
import type { CompilerAnswer, CompilerRequest } from './assemblyscript-thread.ts';

export type { CompiledModule };

export function isAssemblyScript(path: string): boolean {
  return path.endsWith('.as.ts');
}

/** `entry` is absolute, `folder` the one that paths in messages are relative to. Rejects with `invalid` with file, line, column and frame. */
export function compileAssemblyScript(entry: string, folder: string): Promise<CompiledModule> {
  return compiler.compile(entry, folder);
}

/** Keeps its thread: the second kernel takes half the time of the first. A process that is done does not wait for it. */
class Compiler {
  readonly #waiting = new Map<number, PromiseWithResolvers<CompiledModule>>();
  #thread: Worker | undefined;
  #lastId = 0;

  compile(entry: string, folder: string): Promise<CompiledModule> {
    this.#thread ??= this.#start();
    const answer = Promise.withResolvers<CompiledModule>();
    const request: CompilerRequest = { id: ++this.#lastId, entry, folder };
    this.#waiting.set(request.id, answer);
    this.#thread.ref();
    this.#thread.postMessage(request);
    return answer.promise;
  }

  #start(): Worker {
    const thread = new Worker(threadScript(), { name: 'assemblyscript' });
    thread.on('message', (answer: CompilerAnswer) => this.#settle(answer));
    thread.on('error', (error) => this.#lose(thread, error));
    thread.on('exit', (code) => this.#lose(thread, new Error(`its thread ended with ${code}`)));
    return thread;
  }

  #settle(answer: CompilerAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#thread?.unref();
    if ('compiled' in answer) waiting?.resolve(answer.compiled);
    else waiting?.reject(new PlatformError('invalid', answer.problem, answer.hint ? { hint: answer.hint } : {}));
  }

  #lose(thread: Worker, cause: Error): void {
    if (this.#thread !== thread) return;
    this.#thread = undefined;
    const problem = new PlatformError('internal', `the AssemblyScript compiler failed: ${cause.message}`, { cause });
    for (const { reject } of this.#waiting.values()) reject(problem);
    this.#waiting.clear();
  }
}

/** One a process: it holds the compiler, and what it has compiled. */
const compiler = new Compiler();

/** Beside the built bundles it is a file of its own. */
function threadScript(): string {
  const built = fileURLToPath(new URL('./compiler.mjs', import.meta.url));
  return existsSync(built) ? built : fileURLToPath(new URL('./assemblyscript-thread.ts', import.meta.url));
}
