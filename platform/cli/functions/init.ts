/** `pilotfish init NAME`: a folder with a function, its test, its manifest and an event to try it with. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { PlatformError } from '#common';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf } from '../command.ts';

const templates = ['map', 'batch', 'gather', 'wasm', 'python', 'source'] as const;
type Template = (typeof templates)[number];

interface InitFlags extends CommonOptions {
  readonly template: Template;
}

/** How the function is tried without a pilot. */
const testCommand: Readonly<Record<Template, string>> = {
  map: 'npx vitest run',
  batch: 'npx vitest run',
  gather: 'npx vitest run',
  wasm: 'npm install assemblyscript && npx vitest run',
  python: 'python3 -m unittest',
  source: 'npx vitest run',
};

export const initCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'init',
    summary: 'make a folder with a function, its test and a sample event',
    examples: [
      'pilotfish init thermometer',
      'pilotfish init recon --template python',
      'pilotfish init detector --template source',
    ],
    pilot: false,
  })
    .argument('<name>', 'of the function and of the folder')
    .addOption(flag('--template <kind>', 'what it begins as').choices(templates).default('map'))
    .action(async (name: string, flags: InitFlags) => {
      const files = createProject(name, flags.template);
      const output = outputOf(context, flags);
      await output.one(name, { name, template: flags.template, files }, [
        ['made', `${name}/ with ${files.join(', ')}`],
      ]);
      const sample = files.find((file) => file.startsWith('sample.'));
      const python = flags.template === 'python' ? `PYTHONPATH=${join(installation(), 'python')} ` : '';
      output.note(`test: cd ${name} && ${python}${testCommand[flags.template]}`);
      output.note(
        sample === undefined
          ? `next: pilotfish source run ${name}/source.ts --count 10`
          : `next: pilotfish deploy ${name}, then: pilotfish invoke ${name} -f ${name}/${sample}`,
      );
    });

/** Where this program's files lie: built, they are beside it. */
function installation(): string {
  const here = import.meta.dirname;
  return existsSync(join(here, 'templates')) ? here : resolve(here, '../../../dist');
}

/** Writes the folder and returns its files. Throws `usage` for a bad name, `conflict` for a folder that is not empty. */
export function createProject(name: string, template: Template): string[] {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    throw new PlatformError('usage', `"${name}" is no function name`, {
      hint: 'Small letters, digits and hyphens, a letter first, at most 63.',
    });
  }
  const folder = resolve(name);
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new PlatformError('conflict', `the folder "${name}" is there and not empty`, {
      hint: 'Choose another name.',
    });
  }
  const dist = installation();
  const values: Record<string, string> = {
    NAME: name,
    SDK: join(dist, 'sdk'),
    PYTHON: join(dist, 'python'),
  };
  mkdirSync(folder, { recursive: true });
  const sources = template === 'python' ? [template] : ['common', template];
  const files = sources.flatMap((source) => fill(join(dist, 'templates', source), folder, values));
  // A source has no manifest that it would describe.
  if (template === 'source') return files.sort();
  copyFileSync(join(dist, 'pilotfish.schema.json'), join(folder, 'pilotfish.schema.json'));
  return [...files, 'pilotfish.schema.json'].sort();
}

function fill(from: string, to: string, values: Readonly<Record<string, string>>): string[] {
  const files = readdirSync(from);
  for (const file of files) {
    const text = readFileSync(join(from, file), 'utf8');
    writeFileSync(
      join(to, file),
      text.replace(/__(NAME|SDK|PYTHON)__/g, (whole, key: string) => values[key] ?? whole),
    );
  }
  return files;
}
