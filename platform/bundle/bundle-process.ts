/** A foreign process's files: those that its command names, and those that the manifest lists. */
import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join, normalize, relative, resolve, sep } from 'node:path';
import { PlatformError } from '#common';
import type { FunctionSpec } from '#proto';
import { type BundledFile, bundledFile } from './bundled-file.ts';
import { canonicalJson } from './digest.ts';

/** The gateway takes no more. */
const filesMax = 256;

/** The artifact is the list of the files by digest: so the version's name covers their contents. */
export function bundleProcess(
  spec: FunctionSpec,
  folder: string,
  listed: readonly string[],
): { artifact: Uint8Array; files: readonly BundledFile[]; warnings: readonly string[] } {
  const paths = new Set<string>();
  for (const word of spec.command) if (isFileBeside(folder, word)) paths.add(relativePath(spec, folder, word));
  for (const path of listed) {
    const absolute = resolve(folder, path);
    if (!exists(absolute)) {
      throw new PlatformError('invalid', `${spec.name}: there is no file "${path}"`, {
        hint: '`files` are relative to the manifest.',
      });
    }
    for (const file of filesBelow(absolute)) paths.add(relativePath(spec, folder, file));
  }
  if (paths.size > filesMax) {
    throw new PlatformError('invalid', `${spec.name} brings ${paths.size} files; the most is ${filesMax}`, {
      hint: 'Install large environments on the nodes, and bring only the function.',
    });
  }
  const files = [...paths].sort().map((path) => bundledFile(path, readFileSync(join(folder, path))));
  const list = Object.fromEntries(files.map(({ path, digest }) => [path, digest]));
  const missing = spec.command.filter((word) => isScript(word) && !paths.has(normalize(word)));
  const warnings = missing.map(
    (word) => `${spec.name}: "${word}" is no file beside the manifest, so it does not travel with the function`,
  );
  return { artifact: Buffer.from(canonicalJson(list)), files, warnings };
}

/** A program's text, named as if it lay beside the manifest. */
function isScript(word: string): boolean {
  return /^[^-/].*\.(py|sh|pl|rb|jl|R|js|mjs|lua)$/.test(word);
}

/** Words of a command that look like options or programs of the system are left alone. */
function isFileBeside(folder: string, word: string): boolean {
  if (word.startsWith('/') || word.startsWith('-')) return false;
  return exists(join(folder, word)) && statSync(join(folder, word)).isFile();
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function* filesBelow(path: string): Generator<string> {
  if (!statSync(path).isDirectory()) return yield path;
  for (const entry of readdirSync(path).sort()) {
    // What Python writes beside its sources is of no use elsewhere.
    if (entry !== '__pycache__') yield* filesBelow(join(path, entry));
  }
}

/** Throws `invalid` for what lies outside of the folder, also by way of a link. */
function relativePath(spec: FunctionSpec, folder: string, path: string): string {
  const inside = relative(realpathSync(folder), realpathSync(resolve(folder, path)));
  if (inside !== '' && !inside.startsWith('..')) return relative(folder, resolve(folder, path)).split(sep).join('/');
  throw new PlatformError('invalid', `${spec.name}: "${path}" lies outside of the function's folder`, {
    hint: 'Copy it into the folder: only what lies there is deployed.',
  });
}
