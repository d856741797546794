/** `pilotfish diff PATH`: what `deploy` would change, without changing it. */
import type { Command } from 'commander';
import type { Bundle } from '#bundle';
import { formatBytes, PlatformError } from '#common';
import type { FunctionVersion } from '#proto';
import { type CommandFactory, type CommonOptions, newCommand, outputOf } from '../command.ts';
import { askPilot } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { specRecord } from '../output/function-record.ts';
import { bundleProject } from './bundle-project.ts';

interface Difference {
  readonly name: string;
  readonly change: 'create' | 'update' | 'unchanged';
  /** What differs, and how it was and would be; empty text for what is not there. */
  readonly differences: readonly { readonly what: string; readonly before: string; readonly after: string }[];
}

export const diffCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'diff',
    summary: 'show what deploy would change',
    examples: ['pilotfish diff functions/echo', 'pilotfish diff . -o json'],
  })
    .argument('[path]', 'a folder with a pilotfish.yaml or one function, or a file', '.')
    .action((path: string, options: CommonOptions) => diff(context, path, options));

async function diff(context: CliContext, path: string, options: CommonOptions): Promise<void> {
  const output = outputOf(context, options);
  const bundles = await bundleProject(path, output, { skipTypes: true, signal: context.signal });
  const differences = await askPilot(context, options.pilot, (pilot) =>
    Promise.all(
      bundles.map(async (bundle) => {
        const found = await pilot.get(bundle.spec.name).catch((thrown: unknown) => {
          if (PlatformError.from(thrown).code === 'not-found') return undefined;
          throw thrown;
        });
        return difference(bundle, found?.summary?.latest);
      }),
    ),
  );
  if (output.format === 'json' || output.format === 'yaml') {
    return output.list(differences, { columns: [], name: ({ name }) => name, plain: (one) => one, empty: '' });
  }
  for (const { name, change, differences: lines } of differences) {
    output.line(output.format === 'name' ? name : `${name}: ${change}`);
    if (output.format === 'name') continue;
    for (const { what, before, after } of lines) output.line(`  ${what}: ${before || 'none'} -> ${after || 'none'}`);
  }
}

function difference(bundle: Bundle, latest: FunctionVersion | undefined): Difference {
  const { name } = bundle.spec;
  if (!latest) return { name, change: 'create', differences: [] };
  const before = flatten(latest.spec ? specRecord(latest.spec) : {});
  const after = flatten(specRecord(bundle.spec));
  const differences = [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .map((what) => ({ what, before: before.get(what) ?? '', after: after.get(what) ?? '' }))
    .filter((each) => each.before !== each.after);
  if (latest.artifactDigest !== bundle.artifactDigest) {
    const text = (bytes: number, digest: string) => `${formatBytes(bytes)} (${digest.slice(0, 12)})`;
    differences.push({
      what: 'bundle',
      before: text(latest.artifactBytes, latest.artifactDigest),
      after: text(bundle.artifact.byteLength, bundle.artifactDigest),
    });
  }
  const files = new Map(latest.files.map(({ path, digest }) => [path, digest.slice(0, 12)]));
  const newFiles = new Map(bundle.files.map(({ path, digest }) => [path, digest.slice(0, 12)]));
  for (const path of [...new Set([...files.keys(), ...newFiles.keys()])].sort()) {
    const [was = '', will = ''] = [files.get(path), newFiles.get(path)];
    if (was !== will) differences.push({ what: `file ${path}`, before: was, after: will });
  }
  return { name, change: differences.length === 0 ? 'unchanged' : 'update', differences };
}

/** "scale.max" -> "4" */
function flatten(value: unknown, path = ''): Map<string, string> {
  if (typeof value !== 'object' || value === null) {
    return new Map(value === undefined ? [] : [[path, typeof value === 'string' ? value : JSON.stringify(value)]]);
  }
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [...flatten(inner, path === '' ? key : `${path}.${key}`)]),
  );
}
