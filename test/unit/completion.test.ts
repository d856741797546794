/** Completion: what may follow the words of a command line, and scripts that the shells themselves accept. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createProgram } from '#cli';
import { completionScript, shells } from '../../platform/cli/completion-script.ts';
import { type LiveKind, suggestWords } from '../../platform/cli/suggest-words.ts';

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
};

async function words(...line: string[]): Promise<string[]> {
  const program = createProgram(context, () => undefined);
  return (await suggestWords(program, line, async (kind) => known[kind])).map(({ word }) => word);
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
});
