/** What `deploy PATH` means: a manifest, a folder with one, a folder with a single function, or a function's file. */
import { type Dirent, existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { PlatformError } from '#common';
import type { FunctionSpec } from '#proto';
import { defaultSpec } from './function-spec.ts';
import { manifestFileName, parseManifestFile } from './manifest.ts';
import { functionNamePattern } from './manifest-schema.ts';

export interface ProjectFunction {
  readonly spec: FunctionSpec;
  /** Absolute; absent for a foreign process. */
  readonly entry: string | undefined;
  /** Absolute: what `files` and a command's words are relative to. */
  readonly folder: string;
  readonly files: readonly string[];
}

export interface Project {
  readonly functions: readonly ProjectFunction[];
  /** What a user should know of how the path was read. */
  readonly notes: readonly string[];
}

/** Throws `not-found` for a path that is not there and `invalid` for one that holds no function. */
export function readProject(path: string): Project {
  const absolute = resolve(path);
  if (!existsSync(absolute)) {
    throw new PlatformError('not-found', `there is no file or folder "${path}"`, {
      hint: 'Name a folder with a pilotfish.yaml, or a .ts file.',
    });
  }
  if (!statSync(absolute).isDirectory()) return readFile(absolute);
  const manifest = join(absolute, manifestFileName);
  return existsSync(manifest) ? readManifest(manifest) : readFolder(absolute, path);
}

function readFile(file: string): Project {
  if (/\.ya?ml$/.test(file)) return readManifest(file);
  const notes = existsSync(join(dirname(file), manifestFileName))
    ? [`${manifestFileName} beside the file is not used: deploy the folder to use it`]
    : [];
  return { functions: [singleFunction(file)], notes };
}

function readManifest(file: string): Project {
  const functions = parseManifestFile(file).map(({ spec, entry, files }) => {
    const folder = dirname(file);
    if (entry === undefined) return { spec, entry, folder, files };
    const absolute = resolve(dirname(file), entry);
    if (existsSync(absolute)) return { spec, entry: absolute, folder, files };
    throw new PlatformError('invalid', `${file}: function "${spec.name}": there is no file "${entry}"`, {
      hint: 'The entry is relative to the manifest.',
    });
  });
  const notes = functions.length === 0 ? [`${file} has no functions`] : [];
  return { functions, notes };
}

function readFolder(folder: string, shown: string): Project {
  const entries = readdirSync(folder, { withFileTypes: true })
    .filter(isEntry)
    .map(({ name }) => name);
  const [only] = entries;
  if (only !== undefined && entries.length === 1) return { functions: [singleFunction(join(folder, only))], notes: [] };
  const found =
    entries.length === 0 ? 'no .ts or .js file' : `${entries.length} of them (${entries.sort().join(', ')})`;
  const misnamed = ['pilotfish.yml', 'pilotfish.json'].find((name) => existsSync(join(folder, name)));
  throw new PlatformError('invalid', `"${shown}" has no ${manifestFileName} and ${found}`, {
    hint: misnamed
      ? `Rename ${misnamed} to ${manifestFileName}.`
      : `Write a ${manifestFileName}, or name the one file to deploy.`,
  });
}

function isEntry(file: Dirent): boolean {
  return file.isFile() && /\.(ts|js|wasm)$/.test(file.name) && !/\.(d|test|spec|config)\.(ts|js)$/.test(file.name);
}

function singleFunction(file: string): ProjectFunction {
  const ending = /\.as\.ts$/.exec(file)?.[0] ?? extname(file);
  if (!['.ts', '.js', '.wasm', '.as.ts'].includes(ending)) {
    throw new PlatformError(
      'invalid',
      `${basename(file)} cannot be deployed: it is neither .ts, .js, .as.ts nor .wasm`,
    );
  }
  const name = basename(file, ending);
  if (!functionNamePattern.test(name)) {
    throw new PlatformError('invalid', `"${name}" is no function name`, {
      hint: `Rename the file, or give the function a name in a ${manifestFileName}: small letters, digits and hyphens.`,
    });
  }
  return { spec: defaultSpec(name, basename(file)), entry: file, folder: dirname(file), files: [] };
}
