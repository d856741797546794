/** The thread that compiles AssemblyScript, one module after the other; assemblyscript.ts starts it and asks. */
import { parentPort } from 'node:worker_threads';
import { PlatformError } from '#common';
import { type CompiledModule, compileOrRecall } from './assemblyscript-compiler.ts';

export interface CompilerRequest {
  readonly id: number;
  readonly entry: string;
  readonly folder: string;
}

export type CompilerAnswer =
  | { readonly id: number; readonly compiled: CompiledModule }
  | { readonly id: number; readonly problem: string; readonly hint: string | undefined };

parentPort?.on('message', async ({ id, entry, folder }: CompilerRequest) => {
  parentPort?.postMessage(await answer(id, entry, folder));
});

async function answer(id: number, entry: string, folder: string): Promise<CompilerAnswer> {
  try {
    return { id, compiled: await compileOrRecall(entry, folder) };
  } catch (thrown) {
    const { message, hint } = PlatformError.from(thrown);
    return { id, problem: message, hint };
  }
}
