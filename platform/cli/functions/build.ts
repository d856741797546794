/** `pilotfish build`: what `deploy` would send, without a pilot, and what takes how much of it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Command } from 'commander';
import type { Bundle } from '#bundle';
import { formatBytes } from '#common';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf } from '../command.ts';
import type { CliContext } from '../context.ts';
import type { ListView } from '../output/output.ts';
import { bundleProject } from './bundle-project.ts';

interface BuildFlags extends CommonOptions {
  readonly out?: string;
  readonly skipTypes?: true;
}

/** The rest of a bundle is small change. */
const inputsShownMax = 8;

export const buildCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'build',
    summary: 'bundle functions without a pilot, and show what takes how much',
    examples: ['pilotfish build', 'pilotfish build functions/gridrec -o json', 'pilotfish build . --out dist'],
    pilot: false,
  })
    .argument('[path]', 'a folder with a pilotfish.yaml or one function, or a file', '.')
    .addOption(flag('--out <folder>', 'write the bundles there'))
    .addOption(flag('--skip-types', 'do not look for type errors'))
    .action((path: string, flags: BuildFlags) => build(context, path, flags));

async function build(context: CliContext, path: string, flags: BuildFlags): Promise<void> {
  const output = outputOf(context, flags);
  const bundles = await bundleProject(path, output, { ...flags, signal: context.signal });
  await output.list(bundles, bundlesView);
  if (!output.isStructured) for (const bundle of bundles) for (const line of sizeLines(bundle)) output.note(line);
  if (flags.out !== undefined) for (const bundle of bundles) write(flags.out, bundle);
}

function write(folder: string, { spec, artifact, sourceMap, files }: Bundle): void {
  const ending = spec.kind === 'wasm' ? 'wasm' : spec.kind === 'process' ? 'json' : 'cjs';
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${spec.name}.${ending}`), artifact);
  if (sourceMap.byteLength > 0) writeFileSync(join(folder, `${spec.name}.${ending}.map`), sourceMap);
  for (const { path, data } of files) {
    const target = join(folder, spec.name, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, data);
  }
}

/** The largest inputs of a script, and the files beside it. */
function sizeLines({ spec, inputs, files, artifact }: Bundle): string[] {
  const share = (bytes: number) => `${((100 * bytes) / artifact.byteLength).toFixed(1)} %`;
  const shown = inputs
    .slice(0, inputsShownMax)
    .map(({ path, bytes }) => `  ${formatBytes(bytes)}\t${share(bytes)}\t${path}`);
  const rest = inputs.slice(inputsShownMax).reduce((sum, { bytes }) => sum + bytes, 0);
  if (rest > 0) shown.push(`  ${formatBytes(rest)}\t${share(rest)}\t${inputs.length - inputsShownMax} others`);
  const beside = files.map(({ path, bytes }) => `  ${formatBytes(bytes)}\tbeside\t${path}`);
  return shown.length + beside.length === 0 ? [] : [`${spec.name}:`, ...shown, ...beside];
}

function filesBytes({ files }: Bundle): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

const bundlesView: ListView<Bundle> = {
  columns: [
    { title: 'FUNCTION', text: ({ spec }) => spec.name },
    { title: 'KIND', text: ({ spec }) => spec.kind },
    { title: 'DIGEST', text: ({ digest }) => digest.slice(0, 12) },
    { title: 'SIZE', text: ({ artifact }) => formatBytes(artifact.byteLength) },
    { title: 'GZIP', text: ({ artifact }) => formatBytes(gzipSync(artifact).byteLength) },
    { title: 'FILES', text: (bundle) => (bundle.files.length === 0 ? '-' : formatBytes(filesBytes(bundle))) },
  ],
  name: ({ spec }) => spec.name,
  plain: (bundle) => ({
    name: bundle.spec.name,
    kind: bundle.spec.kind,
    digest: bundle.digest,
    bytes: bundle.artifact.byteLength,
    gzipBytes: gzipSync(bundle.artifact).byteLength,
    inputs: bundle.inputs,
    files: bundle.files.map(({ path, digest, bytes }) => ({ path, digest, bytes })),
    warnings: bundle.warnings,
  }),
  empty: 'nothing to build',
};
