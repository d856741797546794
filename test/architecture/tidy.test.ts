/** The style guide as a test: what a reader would otherwise have to say in every review. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from './cruise.ts';

/** Style aims at 100 lines a file and allows 300; a few centres may be longer, none longer than the hard bound. */
const linesMax = 300;
const linesHardMax = 400;
const longFilesShareMax = 0.05;

interface Source {
  readonly path: string;
  readonly text: string;
}

const skipped = new Set(['node_modules', 'dist', '.git', '.cache', 'generated', 'out', 'coverage', '__pycache__']);

function read(folder: string, accept: RegExp): Source[] {
  return readdirSync(join(projectRoot, folder), { withFileTypes: true })
    .filter((entry) => !skipped.has(entry.name))
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return read(path, accept);
      return entry.isFile() && accept.test(path) ? [{ path, text: readFileSync(join(projectRoot, path), 'utf8') }] : [];
    });
}

const everything = read('', /\.(?:ts|mjs|cjs|js|json|yaml|yml|md|proto|sh|py)$|^\.ci\/run$|^\.npmrc$/);
const code = everything.filter(({ path }) => /\.(?:ts|mjs|cjs|py|proto|sh)$/.test(path));
const platform = code.filter(({ path }) => /^platform\/.*\.ts$/.test(path));
const shipped = code.filter(({ path }) => /^(?:platform|functions)\/.*\.ts$/.test(path));

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function readLock(): Record<string, LockedPackage> {
  const text = readFileSync(join(projectRoot, 'package-lock.json'), 'utf8');
  return (JSON.parse(text) as { packages: Record<string, LockedPackage> }).packages;
}

/** "path:line: text" of every line that matches. */
function linesOf(sources: readonly Source[], pattern: RegExp): string[] {
  return sources.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
}

// Put together here, so that this file does not contain what it forbids.
const leftover = new RegExp(
  `\\b(?:${['TO', 'FIX'].map((start, index) => start + ['DO', 'ME'][index]).join('|')}|X{3})\\b`,
);
const registryHost = new RegExp(
  ['registry\\.npm' + 'js', 'py' + 'pi\\.org', 'pythonhosted' + '\\.org', 'proxy\\.go' + 'lang'].join('|'),
);
const machinePath = new RegExp(
  ['/wo' + 'rk/', '/ro' + 'ot/', '/ho' + 'me/[a-z]', '/tm' + 'p/pf']
    .map((path) => `(?:^|[\\s"'\`=(:])${path}`)
    .join('|'),
);

describe('sources', () => {
  it('are seen at all', () => {
    expect(platform.length).toBeGreaterThan(40);
    expect(everything.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['package.json', '.ci/run', 'deploy/setup.mjs']),
    );
  });

  it('have no leftovers', () => {
    expect(linesOf(code, leftover)).toEqual([]);
    expect(linesOf([{ path: 'planted', text: `// ${'TO'}DO later` }], leftover)).toHaveLength(1);
  });

  it('name no path of a machine and no registry host', () => {
    expect(linesOf(everything, machinePath)).toEqual([]);
    expect(linesOf(everything, registryHost)).toEqual([]);
    expect(linesOf([{ path: 'planted', text: `read('/${'wo'}rk/x')` }], machinePath)).toHaveLength(1);
  });

  it('are short files', () => {
    const length = ({ text }: Source) => text.split('\n').length - 1;
    // One file each by their contracts: what the author of a function, or of a source, copies.
    const oneFile = new Set(['platform/instance/python/pilotfish.py', 'platform/client/python/pilotevents.py']);
    const long = code.filter((source) => length(source) > linesMax && !oneFile.has(source.path));
    expect(long.filter((source) => length(source) > linesHardMax).map(({ path }) => path)).toEqual([]);
    expect(
      long.length / code.length,
      `over ${linesMax} lines: ${long.map(({ path }) => path).join(', ')}`,
    ).toBeLessThanOrEqual(longFilesShareMax);
  });

  it('have kebab-case names without empty words', () => {
    const emptyWord = /(?:^|[-/.])(?:workers?|tasks?|managers?|helpers?|utils?)(?:[-/.]|$)/;
    const kebab = /^(?:[a-z0-9.-]+\/)*[a-z0-9.-]+$/;
    const paths = code.map(({ path }) => path);
    expect(paths.filter((path) => emptyWord.test(path))).toEqual([]);
    expect(paths.filter((path) => path.startsWith('platform/') && !kebab.test(path))).toEqual([]);
  });
});

describe('files of the platform and the functions', () => {
  it('begin by saying what they are for', () => {
    const isPurpose = (text: string) => /^(?:#!.*\n)?(?:\/\/ \S|\/\*\*?[\s*]+\S)/.test(text);
    expect(shipped.filter(({ text }) => !isPurpose(text)).map(({ path }) => path)).toEqual([]);
    expect(isPurpose("import 'node:fs';\n")).toBe(false);
  });

  it('do not name our streams or subjects outside platform/broker/subjects.ts', () => {
    const literal = /['"`](?:(?:ev|gather|dlq|log)\.(?:\$\{|[*>])|(?:EVENTS|GATHERS|DEAD_LETTERS|LOGS)\b)/;
    // A message id may look like a subject, but nothing is sent or subscribed there.
    const isMessageId = (line: string) => line.includes('messageIdHeader');
    const outside = linesOf(
      shipped.filter(({ path }) => path !== 'platform/broker/subjects.ts'),
      literal,
    );
    expect(outside.filter((line) => !isMessageId(line))).toEqual([]);
    expect(linesOf(platform, literal).length, 'subjects.ts itself is found').toBeGreaterThan(3);
  });

  it("do not name NATS' own subjects outside platform/broker", () => {
    const literal = /['"`](?:\$JS|\$KV|\$O|_INBOX)\b/;
    expect(
      linesOf(
        shipped.filter(({ path }) => !path.startsWith('platform/broker/')),
        literal,
      ),
    ).toEqual([]);
    expect(linesOf(platform, literal).length, 'the broker itself is found').toBeGreaterThan(1);
  });

  it('read the environment only in platform/bin', () => {
    const outside = shipped.filter(({ path }) => !path.startsWith('platform/bin/'));
    expect(linesOf(outside, /process\.env\b|env \} from 'node:process'/)).toEqual([]);
  });

  it('export by name: no default exports but a function definition, no wildcard re-exports, no enums', () => {
    expect(linesOf(platform, /^export default\b|^export \* from|^(?:export )?(?:const )?enum /)).toEqual([]);
  });

  it('never switch the type checker off', () => {
    expect(linesOf(shipped, /@ts-(?:ignore|nocheck)|biome-ignore-all/)).toEqual([]);
  });
});

describe('what is committed and made by tools', () => {
  it('is generated code equal to what the generator makes now', () => {
    const scratch = mkdtempSync(join(tmpdir(), 'pilotfish-generated-'));
    try {
      execFileSync(process.execPath, [join(projectRoot, 'deploy/gen.mjs'), '--out', scratch], { stdio: 'pipe' });
      const committed = join(projectRoot, 'proto/generated');
      const names = (folder: string) =>
        readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
          .sort();
      expect(names(committed)).toEqual(names(scratch));
      expect(names(scratch)).toContain('descriptor.binpb');
      const differing = names(scratch).filter(
        (name) => !readFileSync(join(committed, name)).equals(readFileSync(join(scratch, name))),
      );
      expect(differing, 'run `npm run gen`').toEqual([]);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  });

  it('is a lock file without addresses, but with a digest for every package that can be installed here', () => {
    const packages = Object.entries(readLock()).filter(([path]) => path !== '');
    expect(packages.length).toBeGreaterThan(50);
    expect(packages.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
    // Mirrors often lack the packages for other machines; npm never fetches those, but wants them listed.
    const isForeign = ({ optional, os = [], cpu = [], libc }: LockedPackage) =>
      optional &&
      (!os.includes('linux') || libc?.includes('musl') || !cpu.some((name) => ['x64', 'arm64'].includes(name)));
    const undigested = packages.filter(([, entry]) => entry.integrity === undefined && !isForeign(entry));
    expect(undigested.map(([path]) => path)).toEqual([]);
  });

  it('is a lock file that `npm ci` accepts: every optional package is listed with its version', () => {
    const lock = readLock();
    // npm 11 leaves out what its registry does not have, and then refuses its own file ("Missing: ... from lock file").
    const unlisted = Object.entries(lock).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => (lock[`${path}/node_modules/${name}`] ?? lock[`node_modules/${name}`])?.version === undefined,
      ),
    );
    expect(unlisted).toEqual([]);
  });

  it('pins every dependency exactly', () => {
    const manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as Record<
      string,
      Record<string, string>
    >;
    const groups = ['dependencies', 'devDependencies', 'optionalDependencies'];
    const wide = groups
      .flatMap((group) => Object.entries(manifest[group] ?? {}))
      .filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
    expect(wide).toEqual([]);
  });
});
