/** Turns the artifact into a function definition, whatever kind it is of. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Script } from 'node:vm';
import { PlatformError } from '#common';
import { type CodeCacheUse, codeCacheDigestBytes, codeCacheUses, type LoadHeader } from '#frames';
import type { FunctionDefinition, FunctionLog } from '#sdk';
import { nameModule } from '#wasm-abi';
import { wasmFunction } from './wasm/index.ts';

/** Name of the bundle in stacks; the agent maps it back to the author's files. */
export const bundleName = 'pilotfish-function';

/** Of an object that is no function, so many of its properties are named. */
const namesShownMax = 5;

/** The bundle is the body of a function of these: what CommonJS gives a module, and the version's WASM files. */
const parameters = ['module', 'exports', 'require', 'pilotfishWasm'] as const;
const prologue = `(function (${parameters.join(', ')}) {`;
const epilogue = '\n})';

export interface LoadedFunction {
  readonly definition: FunctionDefinition;
  /** What V8 has compiled so far, for later instances of the same bundle. */
  readonly codeCache: () => Buffer;
  readonly codeCacheUse: CodeCacheUse;
}

/** Throws `invalid` for what is no function, and whatever the bundle's top level throws. */
export function loadFunction(load: LoadHeader, log: FunctionLog): LoadedFunction {
  if (load.kind === 'wasm') {
    return { definition: wasmFunction(load, log), codeCache: () => Buffer.alloc(0), codeCacheUse: codeCacheUses.none };
  }
  const script = compile(load);
  const module: { exports: unknown } = { exports: {} };
  const run = script.runInThisContext() as (...values: unknown[]) => void;
  run(module, module.exports, createRequire(load.artifact), wasmModules(load));
  const definition = defaultExport(module.exports);
  requireDefinition(definition);
  return { definition, codeCache: () => script.createCachedData(), codeCacheUse: useOf(script) };
}

function compile(load: LoadHeader): Script {
  const cachedData =
    load.codeCache === '' ? undefined : readFileSync(load.codeCache).subarray(0, -codeCacheDigestBytes);
  return new Script(prologue + readFileSync(load.artifact, 'utf8') + epilogue, {
    filename: bundleName,
    // Positions are the bundle's own: the source map knows nothing of the prologue.
    columnOffset: -prologue.length,
    ...(cachedData ? { cachedData } : {}),
  });
}

function useOf({ cachedDataRejected }: Script): CodeCacheUse {
  if (cachedDataRejected === undefined) return codeCacheUses.none;
  return cachedDataRejected ? codeCacheUses.rejected : codeCacheUses.used;
}

/** What `import kernel from './kernel.wasm'` gives: the module, compiled once. */
function wasmModules(load: LoadHeader): (path: string) => WebAssembly.Module {
  const compiled = new Map<string, WebAssembly.Module>();
  return (path) => {
    const known = compiled.get(path);
    if (known) return known;
    const file = load.files[path];
    if (file === undefined) throw new PlatformError('not-found', `the function was deployed without "${path}"`);
    // Stacks of traps say the name, by which the agent finds the module's map.
    const module = new WebAssembly.Module(nameModule(readFileSync(file), path));
    compiled.set(path, module);
    return module;
  };
}

function defaultExport(exports: unknown): unknown {
  return typeof exports === 'object' && exports !== null && 'default' in exports ? exports.default : exports;
}

/** Throws `invalid`, and says what the default export is instead. */
function requireDefinition(value: unknown): asserts value is FunctionDefinition {
  const handlers = isRecord(value) ? ['handle', 'handleBatch'].filter((name) => name in value) : [];
  const [handler] = handlers;
  if (isRecord(value) && handler && handlers.length === 1 && typeof value[handler] === 'function') return;
  throw new PlatformError('invalid', `its default export is ${describe(value, handlers)}`, {
    hint: 'export default defineFunction({ handle(event) { ... } })',
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function describe(value: unknown, handlers: readonly string[]): string {
  const [handler] = handlers;
  if (handlers.length > 1) return 'an object with both `handle` and `handleBatch`, and must have one of them';
  if (handler) return `an object whose \`${handler}\` is no function`;
  if (value === undefined || value === null) return `${value}`;
  if (typeof value === 'function') return 'a function by itself, not an object with `handle` or `handleBatch`';
  if (!isRecord(value)) return `a ${typeof value}, not an object with \`handle\` or \`handleBatch\``;
  const names = Object.keys(value).slice(0, namesShownMax);
  return `an object without \`handle\` and \`handleBatch\`; it has ${names.length === 0 ? 'nothing' : names.join(', ')}`;
}
