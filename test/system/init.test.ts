/** Every template of `pilotfish init`: its own test passes, it type-checks, and a pilot runs it with its sample. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli, TestPilot } from '../harness/pilot.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const cli = join(root, 'dist/cli.mjs');
let pilot: TestPilot;
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-init-'));
  // What `npm install vitest` would bring.
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  pilot = await TestPilot.start({ coresPerNode: 6 });
}, 60_000);

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

async function init(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [cli, 'init', ...args], { cwd: folder });
  return stdout;
}

it.each([
  ['map', 'sample.json', '{"kelvin":293.15}'],
  ['batch', 'sample.txt', '42'],
  ['gather', 'sample.txt', '{"parts":0,"bytes":0}'],
  ['wasm', 'sample.txt', 'HELLO'],
  ['python', 'sample.txt', '{"words": 3}'],
])(
  'template %s',
  async (template, sample, answer) => {
    const name = `my-${template}`;
    expect(await init(name, '--template', template)).toContain('pilotfish.yaml');
    const here = join(folder, name);
    if (template === 'python') {
      const env = { ...process.env, PYTHONPATH: join(root, 'dist/python'), PYTHONDONTWRITEBYTECODE: '1' };
      const { stderr } = await run('python3', ['-m', 'unittest'], { cwd: here, env });
      expect(stderr).toContain('OK');
    } else {
      const { stdout } = await run(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run'], {
        cwd: here,
      });
      expect(stdout).toMatch(/Tests .*passed/);
      await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', here, '--types', 'node'], {
        cwd: here,
      });
    }
    expect(await pilot.cli(['deploy', here])).toMatchObject({ code: 0 });
    expect(await pilot.cli(['invoke', name, '-f', join(here, sample)])).toMatchObject({ code: 0, stdout: answer });
  },
  60_000,
);

it('refuses a bad name, an unknown template and a folder with files in it', async () => {
  expect(await runCli(['init', 'Bad Name'])).toMatchObject({ code: 2 });
  expect(await runCli(['init', 'fine', '--template', 'spaceship'])).toMatchObject({ code: 2 });
  mkdirSync(join(folder, 'taken/inside'), { recursive: true });
  await expect(init('taken')).rejects.toMatchObject({ code: 5 });
});

it('names the schema that editors check the manifest with', () => {
  const manifest = readFileSync(join(folder, 'my-map/pilotfish.yaml'), 'utf8');
  expect(manifest).toMatch(/^# yaml-language-server: \$schema=\.\/pilotfish\.schema\.json\n/);
  const schema = JSON.parse(readFileSync(join(folder, 'my-map/pilotfish.schema.json'), 'utf8')) as { title: string };
  expect(schema.title).toBe('pilotfish.yaml');
});

it('template source', async () => {
  await init('my-source', '--template', 'source');
  const here = join(folder, 'my-source');
  expect(readdirSync(here).filter((file) => file.startsWith('pilotfish'))).toEqual([]);
  const { stdout } = await run(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run'], { cwd: here });
  expect(stdout).toMatch(/Tests .*passed/);
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', here, '--types', 'node'], {
    cwd: here,
  });
  const args = ['source', 'run', join(here, 'source.ts'), '--set', 'sensor=b', '--count', '10', '-o', 'json'];
  const sent = await pilot.cli(args);
  expect(sent, sent.stderr).toMatchObject({ code: 0 });
  expect(JSON.parse(sent.stdout)).toMatchObject({ made: 10, stored: 10 });
}, 60_000);
