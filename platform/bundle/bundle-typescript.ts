/** A TypeScript function and all it imports as one minified CommonJS script: it starts ten times faster than loose modules. */
import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildFailure, BuildOptions, Message, Metafile, OutputFile, Plugin } from 'esbuild';
import { PlatformError } from '#common';
import type { FunctionSpec } from '#proto';
import { moduleMapsField } from '#wasm-abi';
import type { BundledFile } from './bundled-file.ts';
import { importRules } from './import-rules.ts';
import { type ImportedModules, wasmImports } from './wasm-imports.ts';

/** The first few errors help; the rest mostly follow from them. */
const messagesShownMax = 5;

/** What takes how many bytes of the artifact. */
export interface BundledInput {
  readonly path: string;
  readonly bytes: number;
}

export interface BundledScript {
  readonly artifact: Uint8Array;
  readonly sourceMap: Uint8Array;
  /** WASM modules that it imports. */
  readonly files: readonly BundledFile[];
  /** The largest first. */
  readonly inputs: readonly BundledInput[];
  /** What esbuild warned of, "FILE:LINE:COLUMN: text". */
  readonly warnings: readonly string[];
}

/**
 * Bundles `entry` (absolute path). The same sources give the same bytes in every directory and on every machine.
 * Throws `invalid` with file, line, column and the line itself.
 */
export async function bundleTypescript(entry: string, spec: FunctionSpec): Promise<BundledScript> {
  const esbuild = await import('esbuild');
  const modules: ImportedModules = { files: new Map(), maps: new Map() };
  const options = buildOptions(entry, [importRules(spec), wasmImports(dirname(entry), modules)]);
  try {
    await requireDefaultExport(esbuild, entry, options);
    const built = await esbuild.build({ ...options, metafile: true });
    return {
      artifact: pick(built.outputFiles, '.js'),
      sourceMap: withModuleMaps(pick(built.outputFiles, '.js.map'), modules.maps),
      files: [...modules.files.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
      inputs: inputsOf(built.metafile),
      warnings: built.warnings.map((message) => describe(message, entry)),
    };
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    throw refused(entry, error);
  }
}

/** The bundle's map carries those of the modules that it imports: an agent fetches one file. */
function withModuleMaps(map: Uint8Array, maps: ReadonlyMap<string, object>): Uint8Array {
  if (maps.size === 0) return map;
  const whole = JSON.parse(Buffer.from(map).toString('utf8')) as object;
  const modules = Object.fromEntries([...maps].sort(([a], [b]) => (a < b ? -1 : 1)));
  return Buffer.from(JSON.stringify({ ...whole, [moduleMapsField]: modules }));
}

function inputsOf(metafile: Metafile): BundledInput[] {
  const output = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint !== undefined);
  return Object.entries(output?.inputs ?? {})
    .map(([path, { bytesInOutput }]) => ({ path, bytes: bytesInOutput }))
    .sort((a, b) => b.bytes - a.bytes);
}

type FunctionBuild = BuildOptions & { readonly write: false };

function buildOptions(entry: string, plugins: Plugin[]): FunctionBuild {
  const folder = dirname(entry);
  return {
    entryPoints: [`./${basename(entry)}`],
    absWorkingDir: folder,
    outfile: resolve(folder, 'function.js'),
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    // The host runs one script, in which import() has no loader: what libraries load late is required instead.
    supported: { 'dynamic-import': false },
    // It has no import.meta either; libraries only want a base for createRequire, with which they find Node's own modules.
    define: { 'import.meta.url': JSON.stringify('file:///pilotfish-function.js') },
    minify: true,
    // V8 keeps and reads a text of one byte a letter in half the time and memory.
    charset: 'ascii',
    legalComments: 'none',
    sourcemap: 'external',
    sourcesContent: true,
    // A tsconfig.json somewhere above the folder must not change the bytes.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    alias: { 'pilotfish/sdk': sdkPath() },
    logLevel: 'silent',
    plugins,
  };
}

/** Beside the built bundles it is a file of its own; in the sources a folder. */
function sdkPath(): string {
  const built = fileURLToPath(new URL('./sdk.js', import.meta.url));
  return existsSync(built) ? built : fileURLToPath(new URL('../sdk/index.ts', import.meta.url));
}

function pick(files: readonly OutputFile[], ending: string): Uint8Array {
  const file = files.find(({ path }) => path.endsWith(ending));
  if (!file) throw new PlatformError('internal', `esbuild wrote no file ending in ${ending}`);
  return file.contents;
}

/** Only an unbundled ES module lists its exports; that build takes a millisecond. */
async function requireDefaultExport(
  esbuild: typeof import('esbuild'),
  entry: string,
  options: FunctionBuild,
): Promise<void> {
  const { metafile } = await esbuild.build({
    ...options,
    bundle: false,
    alias: {},
    plugins: [],
    format: 'esm',
    metafile: true,
  });
  const output = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint !== undefined);
  // esbuild gives CommonJS a default export of its own making, which would not be the function.
  const isModule = metafile.inputs[output?.entryPoint ?? '']?.format !== 'cjs';
  if (isModule && output?.exports.includes('default')) return;
  throw new PlatformError('invalid', `${basename(entry)} has no default export`, {
    hint: 'Write `export default defineFunction({ handle(event, ctx) { ... } })`.',
  });
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}

function refused(entry: string, failure: BuildFailure): PlatformError {
  const shown = failure.errors.slice(0, messagesShownMax).map((message) => describe(message, entry));
  if (failure.errors.length > messagesShownMax) shown.push(`... and ${failure.errors.length - messagesShownMax} more`);
  const texts = failure.errors.map(({ text }) => text);
  return new PlatformError('invalid', shown.join('\n'), { hint: hintFor(texts), cause: failure });
}

function hintFor(texts: readonly string[]): string {
  if (texts.some((text) => text.startsWith('Top-level await'))) {
    return 'A function is loaded as one script, which cannot wait at its top level: move the await into init().';
  }
  if (texts.some((text) => text.startsWith('Could not resolve'))) {
    return 'Install missing packages beside the function (npm install NAME); relative imports carry their file ending.';
  }
  return '';
}

/** "FILE:LINE:COLUMN: text", the line, and a mark below the column. */
function describe({ text, location }: Message, entry: string): string {
  if (!location) return `${basename(entry)}: ${text}`;
  const { file, line, column, lineText, length } = location;
  const number = String(line);
  const mark = ' '.repeat(column) + '^'.repeat(Math.max(1, Math.min(length, lineText.length - column)));
  const frame = `  ${number} | ${lineText}\n  ${' '.repeat(number.length)} | ${mark}`;
  return `${file}:${number}:${column + 1}: ${text}\n${frame}`;
}
