/** One function's file and all it imports, as one minified CommonJS script: it starts ten times faster than loose modules. */
import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildFailure, BuildOptions, Message, OutputFile } from 'esbuild';
import { formatBytes, PlatformError } from '#common';
import type { ArtifactFile, FunctionSpec } from '#proto';
import { sha256Hex, versionDigest } from './digest.ts';
import type { ProjectFunction } from './project.ts';

/** The gateway takes no more (rpc/limits.ts; a test holds the two together). */
export const bundleBytesMax = 64 * 2 ** 20;

/** The first few errors help; the rest mostly follow from them. */
const messagesShownMax = 5;

/** A file that travels beside the artifact, with its bytes. */
export interface BundledFile extends ArtifactFile {
  readonly data: Uint8Array;
}

export interface Bundle {
  readonly spec: FunctionSpec;
  readonly artifact: Uint8Array;
  /** sha256 of the artifact, hex. */
  readonly artifactDigest: string;
  /** sha256 of artifact and spec, hex: the version's name. */
  readonly digest: string;
  readonly sourceMap: Uint8Array;
  /** Sorted by path. */
  readonly files: readonly BundledFile[];
  /** What esbuild warned of, "FILE:LINE:COLUMN: text". */
  readonly warnings: readonly string[];
}

/**
 * Bundles `entry` (absolute path). The same sources give the same bytes in every directory and on every machine.
 * Throws `invalid` with file, line, column and the line itself; `payload-too-large` above 64 MiB.
 */
export async function bundleFunction({ entry, spec }: ProjectFunction): Promise<Bundle> {
  if (spec.kind !== 'typescript' || entry === undefined) {
    throw new PlatformError('invalid', `${spec.name}: kind "${spec.kind}" is not supported by this version`);
  }
  const esbuild = await import('esbuild');
  const options = buildOptions(entry);
  try {
    await requireDefaultExport(esbuild, entry, options);
    const { outputFiles, warnings } = await esbuild.build(options);
    const artifact = pick(outputFiles, '.js');
    if (artifact.byteLength > bundleBytesMax) throw tooLarge(entry, artifact.byteLength);
    const artifactDigest = sha256Hex(artifact);
    return {
      spec,
      artifact,
      artifactDigest,
      digest: versionDigest(artifactDigest, spec, []),
      sourceMap: pick(outputFiles, '.js.map'),
      files: [],
      warnings: warnings.map((message) => describe(message, entry)),
    };
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    throw refused(entry, error);
  }
}

type FunctionBuild = BuildOptions & { readonly write: false };

function buildOptions(entry: string): FunctionBuild {
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
    minify: true,
    charset: 'utf8',
    legalComments: 'none',
    sourcemap: 'external',
    sourcesContent: true,
    // A tsconfig.json somewhere above the folder must not change the bytes.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    alias: { 'pilotfish/sdk': sdkPath() },
    logLevel: 'silent',
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
  const { metafile } = await esbuild.build({ ...options, bundle: false, alias: {}, format: 'esm', metafile: true });
  const output = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint !== undefined);
  // esbuild gives CommonJS a default export of its own making, which would not be the function.
  const isModule = metafile.inputs[output?.entryPoint ?? '']?.format !== 'cjs';
  if (isModule && output?.exports.includes('default')) return;
  throw new PlatformError('invalid', `${basename(entry)} has no default export`, {
    hint: 'Write `export default defineFunction({ handle(event, ctx) { ... } })`.',
  });
}

function tooLarge(entry: string, bytes: number): PlatformError {
  return new PlatformError(
    'payload-too-large',
    `the bundle of ${basename(entry)} has ${formatBytes(bytes)}; the limit is ${formatBytes(bundleBytesMax)}`,
    { hint: 'Keep data out of the code: read it at init, or send it as events.' },
  );
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
