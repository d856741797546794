/**
 * Command blocks of the README and of pages in `docs/`, run as they stand. The guides have a test of their own; what needs a batch
 * system, another machine or minutes of bench is parsed by the unit test of the documents, and run by the tests of its area.
 */

import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cliScript, runCli } from '../harness/pilot.ts';

const root = join(import.meta.dirname, '../..');
let folder = '';
let home = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-documents-'));
  home = join(folder, 'home');
  mkdirSync(join(folder, 'bin'));
  const command = join(folder, 'bin/pilotfish');
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${cliScript}' "$@"\n`);
  chmodSync(command, 0o700);
  for (const name of ['functions', 'platform', 'proto', 'node_modules', 'package.json'])
    symlinkSync(join(root, name), join(folder, name));
});

afterAll(async () => {
  await runCli(['down', '--all'], { PILOTFISH_HOME: home });
  rmSync(folder, { recursive: true, force: true });
});

/** A page's blocks for the shell, in their order. */
function blocksOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```/gms)].map((match) => match[1] ?? '');
}

/** Everything in one shell that stops at the first failure; what it has said. */
function run(commands: readonly string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, PILOTFISH_HOME: home };
  const script = ['set -euxo pipefail', ...commands].join('\n');
  execFile('bash', ['-c', script], { cwd: folder, env, timeout: 300_000 }, (error, stdout, stderr) => {
    if (error) reject(new Error(`${stdout}\n${stderr}`, { cause: error }));
    else resolve(stdout);
  });
  return promise;
}

/** What the pages below speak of. */
const named = (name: string, on = '') => [
  `mkdir -p out/${name}`,
  `printf '%s' "export default { handle: (event) => event.data };" > out/${name}/${name}.ts`,
  `printf 'functions: { ${name}: { entry: ${name}.ts, ${on} } }' > out/${name}/pilotfish.yaml`,
  `pilotfish deploy out/${name} --skip-types`,
];

it('the first function of the README says hello', async () => {
  // The first line shortens `npm run` for the reader's shell.
  const block = blocksOf('README.md').find((each) => each.includes('pilotfish up')) ?? '';
  const shown = await run([block.replace(/^pilotfish\(\) .*$/m, '')]);
  expect(shown).toMatch(/hello Ada from n\d/);
  expect(shown.match(/hello number \d from n\d/g)).toHaveLength(3);
}, 300_000);

it('calls, tokens, traces and triggers do what their pages say', async () => {
  const [traced = '', published = ''] = blocksOf('docs/traces.md');
  const [, triggers = ''] = blocksOf('docs/triggers.md');
  const pages = ['docs/calls.md', 'docs/metrics.md', 'docs/security.md'].map((page) => blocksOf(page).join('\n'));
  const shown = await run([
    traced,
    ...named('gridrec'),
    ...named('watch', 'on: [{ subject: "raw.*" }]'),
    'printf slice > slice.bin',
    ...pages,
    'cmp slice.bin out.bin',
    published,
    triggers,
    'test -s prometheus.json && test -s colleague.json',
    'pilotfish down',
  ]);
  expect(shown).toMatch(/CreateToken/);
  expect(shown).toMatch(/watch/);
}, 300_000);
