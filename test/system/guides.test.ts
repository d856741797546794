/** The guides as a reader follows them: every command block of a page, in its order, in one shell; then nothing is left. */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cliScript, runCli } from '../harness/pilot.ts';

const root = join(import.meta.dirname, '../..');
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-guides-'));
  const command = join(folder, 'pilotfish');
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${cliScript}' "$@"\n`);
  chmodSync(command, 0o700);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Blocks marked `sh slurm` need a cluster: the unit test of the documents looks at them. */
function commandsOf(guide: string): string {
  const page = readFileSync(join(root, 'docs/guides', `${guide}.md`), 'utf8');
  return [...page.matchAll(/^```sh\n(.*?)^```/gms)].map((match) => match[1] ?? '').join('\n');
}

/** What a clone has beside what its reader writes. */
const ofClone = ['functions', 'platform', 'proto', 'node_modules', 'package.json'];

async function follow(guide: string): Promise<{ readonly shown: string; readonly cwd: string }> {
  const cwd = join(folder, guide);
  const home = join(cwd, 'home');
  mkdirSync(cwd);
  for (const name of ofClone) symlinkSync(join(root, name), join(cwd, name));
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}`, PILOTFISH_HOME: home };
  const shell = spawn('bash', ['-euo', 'pipefail', '-c', commandsOf(guide)], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => shell.once('close', resolve));
  const [code, stdout, stderr] = await Promise.all([ended, text(shell.stdout), text(shell.stderr)]);
  if (code !== 0) await runCli(['down', '--all'], { PILOTFISH_HOME: home });
  expect(code, `${stdout}\n${stderr}`).toBe(0);
  expect(readdirSync(join(home, 'pilots'))).toEqual([]);
  return { shown: stdout, cwd };
}

it('the beamline scientist sees previews and slices', async () => {
  const { shown, cwd } = await follow('beamline-scientist');
  expect(shown).toMatch(/preview\.phantom\.xy/);
  expect(shown).toMatch(/recon\.phantom\.\d/);
  expect(readdirSync(join(cwd, 'out/preview/phantom-xy'))).toContain('00000.png');
}, 180_000);

it('the administrator sees where things are and who did what', async () => {
  const { shown } = await follow('hpc-admin');
  expect(shown).toMatch(/n1/);
  expect(shown).toMatch(/CreateToken/);
}, 120_000);

it('the author has a function that measures, fails and changes', async () => {
  const { shown } = await follow('function-author');
  expect(shown).toContain('293.15');
  expect(shown).toMatch(/kelvin\.19/);
  expect(shown).toMatch(/promoted|latest/);
}, 180_000);
