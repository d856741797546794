/** The set-up's other steps: dependencies, Node, and how failures are told. */
import { mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SetupClone } from './setup-clone.ts';

interface Package {
  readonly version: string;
  readonly integrity: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
}

function writeLock(clone: SetupClone, packages: Record<string, Package>): void {
  writeFileSync(join(clone.root, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...packages } }));
}

/** An npm that notes its call and installs what the lock says, but for packages of other machines. */
function fakeNpm(clone: SetupClone): string {
  const path = join(clone.root, 'fake-npm.cjs');
  writeFileSync(
    path,
    `const fs = require('node:fs');
fs.appendFileSync(${JSON.stringify(join(clone.root, 'calls'))}, process.argv.slice(2).join(' ') + '\\n');
const lock = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'));
const here = Object.entries(lock.packages).filter(([name, p]) => name !== '' && (!p.os || p.os.includes(process.platform)));
fs.mkdirSync('node_modules', { recursive: true });
fs.writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages: Object.fromEntries(here) }));
console.log('added ' + here.length + ' packages');`,
  );
  return path;
}

describe('the dependencies step', () => {
  const zod = { version: '4.0.0', integrity: 'sha512-a' };
  const elsewhere = { version: '1.0.0', integrity: 'sha512-b', optional: true, os: ['plan9'], cpu: ['mips'] };

  it('runs npm ci without install scripts when node_modules is absent, and not a second time', async () => {
    await using clone = new SetupClone();
    writeLock(clone, { 'node_modules/zod': zod, 'node_modules/elsewhere': elsewhere });
    const env = { npm_execpath: fakeNpm(clone) };
    const first = await clone.run('dependencies', env);
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toContain('dependencies: added 1 packages');
    expect(clone.calls()[0]).toMatch(/^ci --ignore-scripts /);
    expect((await clone.run('dependencies', env)).stderr).toContain('everything is fresh');
    expect(clone.calls()).toHaveLength(1);
  });

  it.each([
    ['another version', { 'node_modules/zod': { ...zod, version: '4.0.1' } }],
    ['another digest', { 'node_modules/zod': { ...zod, integrity: 'sha512-c' } }],
    ['one more package', { 'node_modules/zod': zod, 'node_modules/more': zod }],
  ])('runs again when the lock file names %s', async (_, packages) => {
    await using clone = new SetupClone();
    writeLock(clone, { 'node_modules/zod': zod });
    const env = { npm_execpath: fakeNpm(clone) };
    await clone.run('dependencies', env);
    writeLock(clone, packages);
    expect((await clone.run('dependencies', env)).code).toBe(0);
    expect(clone.calls()).toHaveLength(2);
  });

  it('tells what npm said, and what to do, when npm fails', async () => {
    await using clone = new SetupClone();
    writeLock(clone, { 'node_modules/zod': zod });
    clone.program('fake-bin/npm', 'echo "network unreachable" >&2; exit 7');
    const { code, stdout, stderr } = await clone.run('dependencies');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/dependencies FAILED after/);
    expect(stderr).toMatch(/what: npm ci ended with 7:\nnetwork unreachable/);
    expect(stderr).toContain('check that the npm registry can be reached');
  });
});

describe('the node step', () => {
  const pinned = `node_modules/node-linux-${process.arch}/bin/node`;

  it('links dist/node to the pinned package', async () => {
    await using clone = new SetupClone();
    clone.program(pinned, 'echo v24.21.0');
    expect((await clone.run('node')).code).toBe(0);
    expect(readlinkSync(join(clone.root, 'dist/node'))).toBe(`../${pinned}`);
    expect(clone.tools()).toMatchObject({ node: join(clone.root, pinned), nodeVersion: '24.21.0' });
    expect((await clone.run('node')).stderr).toContain('everything is fresh');
  });

  it('falls back to PILOTFISH_NODE, then to PATH, where the pinned one is missing or does not run', async () => {
    await using clone = new SetupClone();
    clone.program(pinned, 'echo "exec format error" >&2; exit 126');
    const old = clone.program('old/node', 'echo v20.20.2');
    const onPath = clone.program('fake-bin/node', 'echo v24.3.0');
    const { code, stderr } = await clone.run('node', { PILOTFISH_NODE: old });
    expect(code).toBe(0);
    expect(stderr).toContain('(the pinned package): it does not run (exec format error)');
    expect(stderr).toContain(`skipped ${old} (PILOTFISH_NODE): 20.20.2 is older than 24.0.0`);
    expect(clone.tools()['node']).toBe(onPath);

    const asked = clone.program('asked/node', 'echo v25.0.0');
    expect((await clone.run('node', { PILOTFISH_NODE: asked })).code).toBe(0);
    expect(clone.tools()['node']).toBe(asked);
  });

  it('says what to do where there is no Node 24', async () => {
    await using clone = new SetupClone();
    const { code, stderr } = await clone.run('node');
    expect(code).toBe(1);
    expect(stderr).toMatch(/next: install Node 24 anywhere and set PILOTFISH_NODE/);
  });

  it('looks again when the program behind the link was replaced', async () => {
    await using clone = new SetupClone();
    clone.program(pinned, 'echo v24.0.0');
    await clone.run('node');
    rmSync(join(clone.root, pinned));
    clone.program(pinned, 'echo v24.11.1');
    await clone.run('node');
    expect(clone.tools()['nodeVersion']).toBe('24.11.1');
  });
});

describe('the command line', () => {
  it('refuses an unknown step with exit code 2', async () => {
    await using clone = new SetupClone();
    const { code, stderr } = await clone.run('nodes');
    expect(code).toBe(2);
    expect(stderr).toContain(
      'unknown step "nodes" in --steps; there are: dependencies, node, nats-server, generate, build',
    );
  });

  it('survives a damaged note of an earlier run', async () => {
    await using clone = new SetupClone();
    clone.natsServer('fake-bin/nats-server', '2.15.1');
    mkdirSync(join(clone.root, 'dist/stamps'), { recursive: true });
    writeFileSync(join(clone.root, 'dist/stamps/nats-server.json'), '{"asked":');
    writeFileSync(join(clone.root, 'dist/tools.json'), 'garbage');
    expect((await clone.run('nats-server')).code).toBe(0);
    expect(clone.tools()['natsServerVersion']).toBe('2.15.1');
    expect(JSON.parse(readFileSync(join(clone.root, 'dist/stamps/nats-server.json'), 'utf8'))).toHaveProperty('onPath');
  });
});
