/** The documents as promises: their tables are held against the code, their links and commands must exist, their first function must build. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { status } from '@grpc/grpc-js';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { bundleFunction, parseManifest, readProject } from '#bundle';
import { type CliContext, createProgram } from '#cli';
import { errorCodes, parseDurationMs, parseSizeBytes } from '#common';
import { optionalExports, requiredExports, wasmImports } from '../../platform/wasm-abi/check-module.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const pages = [
  ...[
    'README.md',
    'platform/README.md',
    'platform/autoscaler/README.md',
    'functions/README.md',
    'platform/instance/ABI.md',
  ],
  ...['docs', 'docs/guides'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
];
const readme = read('README.md');
const architecture = read('platform/README.md');

/** Cells of the rows of the table under a heading, without their code marks; the head is left out. */
function table(page: string, heading: string): string[][] {
  const section = page.split(new RegExp(`^#+ ${heading}$`, 'm'))[1]?.split(/^#+ /m)[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1')),
  );
}

/** With those marked further, such as `sh slurm`. */
function blocks(page: string, language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}(?: [a-z]+)?\n(.*?)^\`\`\``, 'gms'))].map(
    (match) => match[1] ?? '',
  );
}

describe('platform/instance/ABI.md', () => {
  const page = read('platform/instance/ABI.md');

  it('has the exports that deploy asks for, with their types', () => {
    const rows = table(page, 'Exports').filter(([, type]) => type !== undefined && /->|^memory$/.test(type));
    const typesOf = (needed: string) =>
      Object.fromEntries(rows.filter((row) => row[2] === needed).map(([name, type]) => [name, type]));
    expect(typesOf('yes')).toEqual(requiredExports);
    expect(typesOf('no')).toEqual(optionalExports);
  });

  it('has the imports that a module may use', () => {
    const rows = Object.fromEntries(table(page, 'Imports').map(([name, type]) => [`pilotfish.${name}`, type]));
    const fromEnv = Object.entries(wasmImports).filter(([name]) => name.startsWith('env.'));
    expect({ ...rows, ...Object.fromEntries(fromEnv) }).toEqual(wasmImports);
    for (const [name] of fromEnv) expect(page).toMatch(new RegExp(`From \`env\`.*\`${name.slice(4)}\``));
  });
});

describe('README.md', () => {
  it('gives a reason for every dependency, and for nothing else', () => {
    const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string> | undefined>;
    const kinds = ['dependencies', 'optionalDependencies', 'devDependencies'];
    const wanted = kinds.flatMap((kind) => Object.keys(manifest[kind] ?? {}));
    const rows = table(readme, 'Dependencies');
    expect(rows.map(([name]) => name).sort()).toEqual(wanted.sort());
    expect(rows.filter(([, reason = '']) => reason.length < 10).map(([name]) => name)).toEqual([]);
  });

  it('lists every error code with its exit code, gRPC status, fault and sentence', () => {
    const wanted = Object.entries(errorCodes).map(([code, { exit, grpc, fault, sentence }]) => [
      code,
      String(exit),
      status[grpc],
      fault,
      sentence,
    ]);
    expect(table(readme, 'Exit codes')).toEqual(wanted);
  });

  it('tells the bounds that the code keeps', () => {
    const wrong = table(readme, 'Limits').filter(([, value = '', where = '']) => {
      const [, name = '', path = ''] = /^`(\w+)` in \[.*\]\((.*)\)$/.exec(where) ?? [];
      return constantOf(read(path), name) !== quantity(value, name);
    });
    expect(wrong).toEqual([]);
    expect(table(readme, 'Limits').length).toBeGreaterThan(10);
  });

  it('has a first function that builds as it is printed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pilotfish-docs-'));
    try {
      const script = blocks(readme, 'sh').join('\n');
      const files = [...script.matchAll(/^cat > out\/hello\/(\S+) <<'END'\n(.*?)^END$/gms)];
      for (const [, name = '', text = ''] of files) writeFileSync(join(folder, name), text);
      expect(
        files.map(([, , text = '']) => text.trimEnd().split('\n').length).reduce((sum, lines) => sum + lines, 0),
      ).toBe(10);
      const [hello] = readProject(folder).functions;
      expect(hello?.spec).toMatchObject({ name: 'hello', output: 'greetings.{1}', triggers: [{ subject: 'names.*' }] });
      const { artifact } = await bundleFunction(hello as NonNullable<typeof hello>);
      expect(Buffer.from(artifact).toString('utf8')).toContain('hello');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('calls only npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const called = pages.flatMap((page) =>
      [...read(page).matchAll(/npm (?:run (?:--silent )?([a-z]+(?::[a-z]+)?)|(test))\b/g)].map(
        (match) => match[1] ?? match[2] ?? '',
      ),
    );
    expect(called).toEqual(expect.arrayContaining(['demo', 'test', 'test:long']));
    expect([...new Set(called)].filter((name) => !(name in scripts))).toEqual([]);
  });
});

describe('commands', () => {
  const context: CliContext = {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    env: {},
    toolsFile: '',
    signal: new AbortController().signal,
  };
  const program = createProgram(context, () => undefined);

  it('shown in a document exist, with the flags shown', () => {
    const lines = pages.flatMap((page) =>
      blocks(read(page), 'sh').flatMap((block) =>
        [...block.matchAll(/(?:^|\| |\/)pilotfish ([a-z].*)$/gm)].map((match) => match[1] ?? ''),
      ),
    );
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.filter((line) => !isKnown(program, line))).toEqual([]);
    expect(isKnown(program, 'fly hello')).toBe(false);
    expect(isKnown(program, 'up --wings 2')).toBe(false);
  });
});

describe('platform/README.md', () => {
  it('states every invariant in order, with the files that keep it or the words that it is not kept yet', () => {
    const rows = [...table(architecture, 'Life of an event'), ...table(architecture, 'Life of a gather')];
    const names = ['R', 'G'].flatMap((family) =>
      Array.from({ length: family === 'R' ? 8 : 13 }, (_, index) => `${family}${index + 1}`),
    );
    expect(rows.map(([name]) => name)).toEqual(names);
    for (const [name, text = '', files = ''] of rows) {
      const paths = files.match(/[\w./-]+\.ts/g) ?? [];
      if (text.includes('**Not yet')) expect(paths).toEqual([]);
      else expect(paths, name).not.toEqual([]);
    }
  });

  it('draws the floors that are enforced', () => {
    const { floors } = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs')).forbidden.reduce(
      collectFloors,
      { floors: [] },
    );
    const drawn = blocks(architecture, 'text')[0]?.split('\n') ?? [];
    for (const folder of floors as string[]) {
      if (!existsSync(join(root, 'platform', folder))) continue;
      expect(
        drawn.filter((line) => line.split(/ {2,}/)[0]?.split(' ').includes(folder)),
        folder,
      ).toHaveLength(1);
    }
    expect(floors).toContain('gateway');
  });
});

describe('every document', () => {
  it.each(pages)('%s links to what exists', (page) => {
    const targets = [...read(page).matchAll(/\]\(([^)#\s]+)\)/g)].map((match) => match[1] ?? '');
    const broken = targets.filter(
      (target) => !/^https?:/.test(target) && !existsSync(join(root, dirname(page), target)),
    );
    expect(broken).toEqual([]);
  });

  it.each(pages)('%s names files that exist', (page) => {
    const names = [...read(page).matchAll(/`((?:[\w.-]+\/)+[\w.-]+\.(?:ts|mjs|sh|json|yaml))`/g)].map(
      (match) => match[1] ?? '',
    );
    const places = [dirname(page), '.', 'platform', 'functions'];
    expect(names.filter((name) => !places.some((place) => existsSync(join(root, place, name))))).toEqual([]);
  });
});

describe('manifests', () => {
  const shown = pages.flatMap((page) => blocks(read(page), 'yaml').map((block) => ({ page, block })));

  it.each(shown)('$page shows one that is accepted', ({ page, block }) => {
    // A part of a function's entry stands for the whole of one.
    const lines = block.replace(/^(?=.)/gm, '    ');
    const text = block.startsWith('functions:') ? block : `functions:\n  shown:\n    entry: shown.ts\n${lines}`;
    expect(parseManifest(text, page).length).toBeGreaterThan(0);
  });
});

/** Value of `const name = <numbers and operators>`; NaN for anything else. */
function constantOf(source: string, name: string): number {
  const [, text = ''] = new RegExp(`const ${name} = ([\\d_ *+()-]+);`).exec(source) ?? [];
  return text === '' ? Number.NaN : Number(new Function(`return ${text}`)());
}

/** "8 MiB", "6 s" or "20000", in the unit that the constant's name ends with. */
function quantity(text: string, name: string): number {
  if (/Bytes/.test(name)) return parseSizeBytes(text);
  return /Ms(?:Max)?$/.test(name) ? parseDurationMs(text.replace(' ', '')) : Number(text);
}

/** Walks the words of a command line down the tree; the command must take the flags, and words after it are arguments. */
function isKnown(program: Command, line: string): boolean {
  let command = program;
  const words = line.split(/\s+/);
  for (const word of words) {
    const next = command.commands.find((each) => each.name() === word);
    if (!next) break;
    command = next;
  }
  if (command === program || command.commands.length > 0) return false;
  const flags = words
    .slice(0, words.indexOf('#') < 0 ? undefined : words.indexOf('#'))
    .filter((word) => /^--?[a-z]/.test(word));
  return flags.every((flag) => command.options.some(({ short, long }) => flag === short || flag === long));
}

interface Floors {
  readonly floors: readonly string[];
}

/** The rules carry the folders in their patterns: "^platform/(?:bin|cli)/". */
function collectFloors(
  seen: Floors,
  rule: { readonly name: string; readonly from: { readonly path?: string } },
): Floors {
  if (!rule.name.startsWith('floor-')) return seen;
  const folders = rule.from.path?.match(/\(\?:(.*)\)/)?.[1]?.split('|') ?? [];
  return { floors: [...seen.floors, ...folders] };
}
