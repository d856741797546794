/** Completion: what may follow the words of a command line, and scripts that the shells themselves accept. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createProgram } from '#cli';
import { completionScript, shells } from '../../platform/cli/completion/completion-script.ts';
import { type LiveKind, suggestWords } from '../../platform/cli/completion/suggest-words.ts';

const context = {
  stdin: new PassThrough(),
  stdout: new PassThrough(),
  stderr: new PassThrough(),
  env: {},
  toolsFile: '',
  signal: new AbortController().signal,
};
const known: Record<LiveKind, readonly string[]> = {
  function: ['gridrec', 'split'],
  node: ['n1', 'n2'],
  pilot: ['p-1'],
  trigger: ['t1'],
  call: ['split.1'],
  source: ['kmeans', 'lightsource'],
  secret: ['API_TOKEN'],
  token: ['t-1'],
};

async function words(...line: string[]): Promise<string[]> {
  const program = createProgram(context, () => undefined);
  return (
    await suggestWords(program, line, async (kind, { function: name }) => (name === 'none' ? [] : known[kind]))
  ).map(({ word }) => word);
}

describe('suggestWords()', () => {
  it('gives commands, also below a noun', async () => {
    expect((await words('de')).sort()).toEqual(['deploy', 'describe', 'dev']);
    expect(await words('scale', 'e')).toEqual(['explain']);
  });

  it("gives the pilot's own names where they belong, and only there", async () => {
    expect(await words('logs', '')).toEqual(['gridrec', 'split']);
    expect(await words('logs', '--level', 'warn', 'g')).toEqual(['gridrec']);
    expect(await words('logs', 'split', '')).toEqual([]);
    expect(await words('node', 'drain', '')).toEqual(['n1', 'n2']);
    expect(await words('down', '')).toEqual(['p-1']);
    expect(await words('trigger', 'pause', 'split', '')).toEqual(['t1']);
    expect(await words('trigger', 'pause', 'none', '')).toEqual([]);
    expect(await words('source', 'run', 'l')).toEqual(['lightsource']);
    expect(await words('secret', 'rm', '')).toEqual(['API_TOKEN']);
    expect(await words('auth', 'revoke', '')).toEqual(['t-1']);
  });

  it('gives flags, and the values of those that have a choice', async () => {
    expect(await words('logs', '--le')).toEqual(['--level']);
    expect(await words('logs', 'split', '--level', 'e')).toEqual(['error']);
    expect(await words('list', '-o', 'y')).toEqual(['yaml']);
    expect(await words('list', '--pilot', '')).toEqual(['p-1']);
  });
});

describe('the scripts', () => {
  it.each(shells)('are ones that %s can read, where it is here', (shell) => {
    const folder = mkdtempSync(join(tmpdir(), 'pilotfish-completion-'));
    const file = join(folder, `script.${shell}`);
    writeFileSync(file, completionScript(shell));
    const checked = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    if (!checked.error) expect([checked.status, checked.stderr]).toEqual([0, '']);
    expect(completionScript(shell)).toContain('pilotfish completion suggest --');
  });

  // A zsh completes on a terminal only.
  it.each([
    ['bash', 'COMP_WORDS=(pilotfish logs gr); COMP_CWORD=2; _pilotfish; printf "%s\\n" "${COMPREPLY[@]}"'],
    ['fish', 'complete -C "pilotfish logs gr"'],
  ] as const)('give %s the names, and nothing beside them', (shell, ask) => {
    const folder = mkdtempSync(join(tmpdir(), 'pilotfish-completion-'));
    const command = join(folder, 'pilotfish');
    writeFileSync(
      command,
      `#!/bin/sh\n[ "$*" = 'completion suggest -- logs gr' ] && printf 'gridrec\\tversion 1\\n'\n`,
    );
    chmodSync(command, 0o700);
    const options = {
      encoding: 'utf8',
      cwd: folder,
      env: { ...process.env, HOME: folder, PATH: `${folder}:${process.env['PATH']}` },
    } as const;
    const asked = spawnSync(shell, ['-c', `${completionScript(shell)}\n${ask}`], options);
    rmSync(folder, { recursive: true });
    if (!asked.error) expect(asked.stdout.trim().split('\t')[0]).toBe('gridrec');
    if (!asked.error) expect(asked.stdout.trim().split('\n')).toHaveLength(1);
  });
});
