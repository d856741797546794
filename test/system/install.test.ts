/** The self-contained copy runs anywhere: moved, through links, from any folder, without Node on PATH. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Bill {
  readonly components: readonly {
    readonly name: string;
    readonly version: string;
    readonly hashes?: readonly { readonly content: string }[];
  }[];
}

const projectRoot = join(import.meta.dirname, '../..');

// Copying and packing 150 MB on a busy machine.
const installWaitMs = 180_000;

describe('deploy/install.sh', () => {
  let folder = '';
  let printed = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pilotfish-install-'));
    printed = execFileSync(join(projectRoot, 'deploy/install.sh'), [join(folder, 'a place')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }, installWaitMs);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** No Node, no nats-server and no settings around it. */
  function run(command: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
    const env = { PATH: '/usr/bin:/bin', HOME: folder, PILOTFISH_NODE: '', NODE_OPTIONS: '' };
    return spawnSync(command, args, { cwd: '/', encoding: 'utf8', env });
  }

  it('prints the tarball and its size, and leaves nothing half-done', () => {
    const match = /^(.*\/a place\/pilotfish-[\d.]+-linux-\w+\.tar\.gz) (\d+\.\d) MiB\n$/.exec(printed);
    expect(match, printed).not.toBeNull();
    expect(existsSync(match?.[1] ?? '')).toBe(true);
    expect(Number(match?.[2])).toBeGreaterThan(20);
    expect(readdirSync(join(folder, 'a place')).sort()).toEqual(['pilotfish', expect.stringMatching(/\.tar\.gz$/)]);
  });

  it('makes a command that runs from its place, after a move, and through links', () => {
    const place = join(folder, 'a place/pilotfish');
    expect(run(join(place, 'bin/pilotfish'), 'version')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('0.1.0'),
    });

    const moved = join(folder, 'moved');
    renameSync(place, moved);
    mkdirSync(join(folder, 'links'));
    symlinkSync('../moved/bin/pilotfish', join(folder, 'links/pilotfish'));
    symlinkSync(join(folder, 'links/pilotfish'), join(folder, 'pf'));
    for (const command of [join(moved, 'bin/pilotfish'), join(folder, 'links/pilotfish'), join(folder, 'pf')]) {
      expect(run(command, 'version'), command).toMatchObject({ status: 0, stdout: expect.stringContaining('0.1.0') });
    }
    // An exit code passes through the script.
    expect(run(join(moved, 'bin/pilotfish'), 'no-such-command').status).toBe(2);
    renameSync(moved, place);
  });

  it('builds every example function where it is, with nothing but what it brought', () => {
    const place = join(folder, 'a place/pilotfish');
    const examples = readdirSync(join(place, 'functions'), { withFileTypes: true })
      .filter((entry) => existsSync(join(place, 'functions', entry.name, 'pilotfish.yaml')))
      .map(({ name }) => name);
    expect(examples.length).toBeGreaterThan(8);
    for (const [at, name] of examples.entries()) {
      // Types are the same ones for each, and take most of the time.
      const skip = at === 0 ? [] : ['--skip-types'];
      const built = run(join(place, 'bin/pilotfish'), 'build', join(place, 'functions', name), '-o', 'name', ...skip);
      expect(built, name).toMatchObject({ status: 0, stdout: expect.stringMatching(/./) });
    }
  }, 180_000);

  it('names only its own programs', () => {
    const place = join(folder, 'a place/pilotfish');
    const ours = run(
      '/bin/sh',
      '-c',
      `grep -rlIF '${projectRoot}' '${place}/bin' '${place}/dist' --include=*.json --include=pilotfish`,
    );
    expect(ours.stdout).toBe('');
    expect(run(join(place, 'bin/nats-server'), '--version').stdout).toMatch(/v2\.\d+\.\d+/);
    expect(run(join(place, 'bin/node'), '--version').stdout).toMatch(/^v2[4-9]\./);
  });

  it('says what is inside: every package that the bundles may hold, with the hash that the lock file demands', () => {
    const bill = JSON.parse(readFileSync(join(folder, 'a place/pilotfish/sbom.cdx.json'), 'utf8')) as Bill;
    const known = new Map(bill.components.map((each) => [each.name, each]));
    const { dependencies } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    for (const [name, version] of Object.entries(dependencies))
      expect(known.get(name), name).toMatchObject({ version });
    for (const { name, hashes } of bill.components) expect(hashes?.[0]?.content, name).toMatch(/^[0-9a-f]{64,128}$/);
    const server = readFileSync(join(folder, 'a place/pilotfish/bin/nats-server'));
    expect(known.get('nats-server')?.hashes?.[0]?.content).toBe(createHash('sha256').update(server).digest('hex'));
    expect([...known.keys()]).not.toContain('vitest');
    const copied = packagesIn(join(folder, 'a place/pilotfish/node_modules'));
    expect(copied).toEqual(expect.arrayContaining(['esbuild', 'typescript']));
    for (const name of copied) expect(known.get(name), name).toBeDefined();
  });

  it('is whole in the tarball: unpacked elsewhere it runs', () => {
    const elsewhere = join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    const tarball = printed.slice(0, printed.indexOf('.tar.gz') + '.tar.gz'.length);
    expect(run('tar', '-xzf', tarball, '-C', elsewhere).status).toBe(0);
    expect(run(join(elsewhere, 'pilotfish/bin/pilotfish'), 'version').status).toBe(0);
  });
});

/** Names of the packages that lie in a folder, as they are imported. */
function packagesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(folder, name)).map((each) => `${name}/${each}`) : name,
  );
}
