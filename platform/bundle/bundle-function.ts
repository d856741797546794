/** What a pilot stores of a function, made from its sources: by kind, under one name. */
import { basename } from 'node:path';
import { PlatformError } from '#common';
import type { FunctionSpec } from '#proto';
import { bundleProcess } from './bundle-process.ts';
import { type BundledInput, bundleTypescript } from './bundle-typescript.ts';
import { bundleWasm } from './bundle-wasm.ts';
import { type BundledFile, requireSize } from './bundled-file.ts';
import { sha256Hex, versionDigest } from './digest.ts';
import type { ProjectFunction } from './project.ts';

export interface Bundle {
  readonly spec: FunctionSpec;
  /** The script, the module, or the list of a foreign process's files. */
  readonly artifact: Uint8Array;
  /** sha256 of the artifact, hex. */
  readonly artifactDigest: string;
  /** sha256 of artifact, spec and files, hex: the version's name. */
  readonly digest: string;
  readonly sourceMap: Uint8Array;
  /** Sorted by path. */
  readonly files: readonly BundledFile[];
  /** What takes how much of the artifact, the largest first; of a script only. */
  readonly inputs: readonly BundledInput[];
  /** What the author should know, "FILE:LINE:COLUMN: text". */
  readonly warnings: readonly string[];
}

type Parts = Omit<Bundle, 'spec' | 'artifactDigest' | 'digest'>;

const noBytes = new Uint8Array(0);

/**
 * The same sources give the same bytes in every directory and on every machine.
 * Throws `invalid` with file, line and column, and `payload-too-large` above 64 MiB.
 */
export async function bundleFunction(one: ProjectFunction): Promise<Bundle> {
  const { spec } = one;
  const parts = await bundleParts(one);
  requireSize(`the bundle of ${basename(one.entry ?? spec.name)}`, parts.artifact.byteLength);
  const filesBytes = parts.files.reduce((sum, file) => sum + file.bytes, 0);
  requireSize(`what ${spec.name} brings besides, ${parts.files.length} files,`, filesBytes);
  return withSpec({ ...parts, artifactDigest: sha256Hex(parts.artifact) }, spec);
}

/** The same artifact as another version: what is deployed with many settings is bundled once. */
export function withSpec(bundle: Omit<Bundle, 'spec' | 'digest'>, spec: FunctionSpec): Bundle {
  const described = bundle.files.map(({ path, digest, bytes }) => ({ path, digest, bytes }));
  return { ...bundle, spec, digest: versionDigest(bundle.artifactDigest, spec, described) };
}

async function bundleParts({ spec, entry, folder, files }: ProjectFunction): Promise<Parts> {
  if (spec.kind === 'process') {
    return { ...bundleProcess(spec, folder, files), sourceMap: noBytes, inputs: [] };
  }
  if (files.length > 0) {
    throw new PlatformError('invalid', `${spec.name}: \`files\` belong to a function with a \`command\``, {
      hint: 'A TypeScript function brings what it imports.',
    });
  }
  if (entry === undefined) throw new PlatformError('invalid', `${spec.name} has no entry`);
  if (spec.kind !== 'wasm') return bundleTypescript(entry, spec);
  const { module, sourceMap } = await bundleWasm(entry, spec);
  return { artifact: module, sourceMap, files: [], inputs: [], warnings: [] };
}
