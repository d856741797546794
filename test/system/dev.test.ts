/** `pilotfish dev` as its user has it: edits, mistakes, types, Ctrl-C. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { processesOf, runCli } from '../harness/pilot.ts';

const cliScript = join(import.meta.dirname, '../../dist/cli.mjs');
const functions = new FunctionFolder();
const home = mkdtempSync(join(tmpdir(), 'pilotfish-test-'));
let folder: string;
let dev: ChildProcess;
let said = '';

const source = (body: string) =>
  `import { defineFunction } from 'pilotfish/sdk';\nexport default defineFunction({\n  handle(event) {\n    ${body}\n  },\n});\n`;

function edit(body: string): void {
  writeFileSync(join(folder, 'hello.ts'), source(body));
}

/** Waits for what `dev` says after now. */
async function says(text: string, change: () => void): Promise<string> {
  const from = said.length;
  change();
  await eventually(() => said.slice(from).includes(text), { timeoutMs: 60_000, what: `"${text}" in\n${said}` });
  return said.slice(from);
}

async function answer(): Promise<string> {
  return (await runCli(['invoke', 'hello'], { PILOTFISH_HOME: home })).stdout;
}

async function begin(): Promise<void> {
  await says('hello version 1 serves', () => {
    // One that is killed cannot take its temporary folders away: they go with the home.
    const env = { ...process.env, PILOTFISH_HOME: home, TMPDIR: home };
    dev = spawn(process.execPath, [cliScript, 'dev', folder], { env });
    for (const stream of [dev.stdout, dev.stderr]) stream?.setEncoding('utf8').on('data', (text) => (said += text));
  });
}

beforeAll(async () => {
  folder = functions.write('hello', source("return 'one';"));
  await begin();
}, 120_000);

afterAll(async () => {
  if (dev.exitCode === null && dev.signalCode === null) {
    dev.kill('SIGINT');
    await once(dev, 'exit');
  }
  functions[Symbol.dispose]();
  rmSync(home, { recursive: true, force: true });
}, 120_000);

describe('`pilotfish dev`', () => {
  it('serves an edit, keeps the last one through a mistake, and serves the next', async () => {
    expect(await answer()).toBe('one');
    await says('hello version 2 serves', () => edit("return 'two';"));
    expect(await answer()).toBe('two');
    const mistake = await says('still serves', () => edit("return 'three;"));
    expect(mistake).toContain('hello.ts:4:');
    expect(mistake).toContain("4 |     return 'three;");
    expect(await answer()).toBe('two');
    await says('hello version 3 serves', () => edit("return 'three';"));
    expect(await answer()).toBe('three');
  }, 120_000);

  it('serves what only tsc minds, and says afterwards what that is', async () => {
    const text = await says('types:', () => edit("return String(event.nothing ?? 'four');"));
    expect(text.indexOf('hello version 4 serves')).toBeLessThan(text.indexOf('types:'));
    expect(text).toContain("Property 'nothing' does not exist");
    expect(await answer()).toBe('four');
  }, 120_000);

  it('shows what the function logs, and follows the manifest', async () => {
    await says('hello version 5 serves', () => edit("console.log('seen ' + event.text()); return 'five';"));
    await says('seen', () => void answer());
    const manifest = 'functions:\n  hello:\n    entri: hello.ts\n';
    const mistake = await says('still serves', () => writeFileSync(join(folder, 'pilotfish.yaml'), manifest));
    expect(mistake).toContain('"entri"');
    expect(await answer()).toBe('five');
  }, 120_000);

  it('ends at Ctrl-C, with its pilot, and leaves nothing', async () => {
    const [pilot = ''] = readdirSync(join(home, 'pilots'));
    const directory = join(home, 'pilots', pilot);
    dev.kill('SIGINT');
    const [code] = (await once(dev, 'exit')) as [number];
    expect(code).toBe(130);
    expect(processesOf(directory)).toEqual([]);
    expect(existsSync(directory)).toBe(false);
  }, 120_000);

  it('leaves no process of its pilot where it is killed', async () => {
    folder = functions.write('hello', source("return 'one';"));
    await begin();
    const [pilot = ''] = readdirSync(join(home, 'pilots'));
    const directory = join(home, 'pilots', pilot);
    expect(processesOf(directory)).not.toEqual([]);
    dev.kill('SIGKILL');
    await once(dev, 'exit');
    const ended = () => processesOf(directory).length === 0;
    await eventually(ended, { timeoutMs: 60_000, what: 'that the pilot ends with its command' });
    expect(await runCli(['down', '--all'], { PILOTFISH_HOME: home })).toMatchObject({ code: 0 });
    expect(existsSync(directory)).toBe(false);
  }, 120_000);

  it('brings no pilot up for a path that holds no function', async () => {
    const result = await runCli(['dev', join(folder, 'nowhere')], { PILOTFISH_HOME: home });
    expect(result).toMatchObject({ code: 4, stderr: expect.stringContaining('nowhere') });
    expect(result.stderr).not.toContain('broker');
  }, 120_000);
});
