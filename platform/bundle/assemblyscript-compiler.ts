/** AssemblyScript to WASM, as the compiler's thread runs it: the compiler takes 0.3 s to load, and seconds for a kernel. */
import { readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { PlatformError } from '#common';
// Optimised for speed; SIMD is in every engine that runs here. Collected memory, since an instance lives for long.
import flags from './assemblyscript-flags.json' with { type: 'json' };
import { withoutHoles } from './module-map.ts';

export interface CompiledModule {
  readonly module: Uint8Array;
  /** From places in the module's bytes to the author's files. */
  readonly sourceMap: Uint8Array;
}

/** What was compiled last, with all that was read for it: `dev` bundles a function at each edit, its kernels mostly unchanged. */
const known = new Map<
  string,
  { readonly read: ReadonlyMap<string, string | null>; readonly compiled: CompiledModule }
>();
const knownMax = 64;

/** As `compileAssemblyScript`, at once where no file that was read has changed since. */
export async function compileOrRecall(entry: string, folder: string): Promise<CompiledModule> {
  const key = JSON.stringify([entry, folder]);
  const last = known.get(key);
  if (last && [...last.read].every(([path, text]) => readSource(path) === text)) return last.compiled;
  const read = new Map<string, string | null>();
  const compiled = await compile(entry, folder, read);
  known.delete(key);
  known.set(key, { read, compiled });
  const [oldest] = known.keys();
  if (known.size > knownMax && oldest !== undefined) known.delete(oldest);
  return compiled;
}

async function compile(entry: string, folder: string, read: Map<string, string | null>): Promise<CompiledModule> {
  const asc = await loadCompiler(entry);
  const outputs = new Map<string, Uint8Array | string>();
  let messages = '';
  const { error } = await asc.main([...compilerArguments(entry, folder)], {
    readFile: (name, base) => {
      const path = join(base, name);
      const text = readSource(path);
      read.set(path, text);
      return text;
    },
    writeFile: (name, contents) => void outputs.set(name, contents),
    listFiles: () => [],
    stderr: {
      write: (text) => {
        messages += text;
      },
    },
  });
  const module = outputs.get(outputName);
  if (!error && module instanceof Uint8Array) {
    const map = Buffer.from(outputs.get(`${outputName}.map`) ?? '').toString('utf8');
    return { module, sourceMap: Buffer.from(withoutHoles(module, map)) };
  }
  throw new PlatformError('invalid', messages.trim() || `${basename(entry)} does not compile`, { cause: error });
}

const outputName = 'function.wasm';

function* compilerArguments(entry: string, folder: string): Generator<string> {
  yield relative(folder, entry);
  yield* ['--baseDir', folder, '--outFile', outputName, '--noColors', ...flags];
  // Names of functions and a map for stacks of traps; the code is the same.
  yield* ['--debug', '--sourceMap'];
}

interface CompilerIo {
  readonly readFile: (name: string, base: string) => string | null;
  readonly writeFile: (name: string, contents: Uint8Array | string) => void;
  readonly listFiles: () => string[];
  readonly stderr: { readonly write: (text: string) => void };
}

interface Compiler {
  main(args: string[], io: CompilerIo): Promise<{ error: Error | null }>;
}

async function loadCompiler(entry: string): Promise<Compiler> {
  try {
    return (await import('assemblyscript/asc')) as unknown as Compiler;
  } catch (error) {
    throw new PlatformError(
      'invalid',
      `${basename(entry)} needs the AssemblyScript compiler, which is not installed here`,
      {
        hint: 'npm install assemblyscript beside pilotfish, or compile it elsewhere and deploy the .wasm.',
        cause: error,
      },
    );
  }
}

/** Null says "not there": the compiler tries several names for one import. */
function readSource(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
