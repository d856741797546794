/** The command line's own promises, held against every command: help with examples, usage errors, formats, variables. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type CliContext, createProgram, runCli } from '#cli';
import { errorCodes, platformVersion } from '#common';
import { parseSince } from '../../platform/cli/functions/logs.ts';
import { pilotFinding } from '../../platform/cli/pilots/doctor-checks.ts';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pilotfish-cli-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

function createContext(
  input = '',
  terminal = false,
): { context: CliContext; stdout: () => string; stderr: () => string } {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()].map((stream) =>
    Object.assign(stream, { isTTY: terminal }),
  );
  const stdin = new PassThrough();
  stdin.end(input);
  const context: CliContext = {
    stdin,
    stdout: stdout!,
    stderr: stderr!,
    env: { PILOTFISH_HOME: home, PATH: process.env['PATH'] },
    toolsFile: join(home, 'tools.json'),
    signal: new AbortController().signal,
  };
  return { context, stdout: () => String(stdout!.read() ?? ''), stderr: () => String(stderr!.read() ?? '') };
}

async function run(argv: readonly string[], terminal = false) {
  const { context, stdout, stderr } = createContext('', terminal);
  const code = await runCli(context, argv);
  return { code, stdout: stdout(), stderr: stderr() };
}

/** Every command that does something, with the words that call it. */
function leaves(command: Command, path: readonly string[] = []): { words: readonly string[]; command: Command }[] {
  if (command.commands.length === 0) return [{ words: path, command }];
  return command.commands.flatMap((sub) => leaves(sub, [...path, sub.name()]));
}

const commands = leaves(createProgram(createContext().context, () => undefined));

test('the commands of the design are there', () => {
  const expected = [
    'up',
    'usage',
    'down',
    'pilot info',
    'pilot list',
    'pilot extend',
    'pilot logs',
    'pilot shrink',
    'pilot wait',
    'completion bash',
    'completion zsh',
    'completion fish',
    'completion suggest',
    'dashboard',
    'deploy',
    'dev',
    'diff',
    'versions',
    'promote',
    'rollback',
    'alias set',
    'list',
    'get',
    'describe',
    'rm',
    'invoke',
    'logs',
    'node list',
    'node drain',
    'node describe',
    'node explain',
    'pub',
    'replay',
    'source run',
    'bench run',
    'bench report',
    'source list',
    'tail',
    'trigger list',
    'trigger pause',
    'trigger resume',
    'version',
    'doctor',
    'init',
    'build',
    'calls cancel',
    'calls get',
    'calls list',
    'calls wait',
    'dlq list',
    'dlq peek',
    'dlq redrive',
    'dlq purge',
    'scale explain',
    'scale get',
    'scale pause',
    'scale resume',
    'scale set',
    'top',
    'secret set',
    'secret list',
    'secret rm',
    'auth token create',
    'auth list',
    'auth revoke',
    'auth rotate',
    'audit tail',
  ];
  expect(commands.map(({ words }) => words.join(' ')).sort()).toEqual(expected.sort());
});

test.each(commands)('`pilotfish $words --help` shows what it does and an example', async ({ words, command }) => {
  const { code, stdout, stderr } = await run([...words, '--help']);
  expect(code).toBe(0);
  expect(stderr).toBe('');
  expect(stdout).toContain(command.description().split(' ', 2).join(' '));
  expect(stdout.split('Examples:')[1]).toMatch(new RegExp(`^ {2}\\$ .*pilotfish ${words.join(' ')}`, 'm'));
});

test.each(commands)('`pilotfish $words` takes every flag from the environment too', ({ command }) => {
  for (const { long, envVar } of command.options) {
    expect(envVar).toBe(`PILOTFISH_${long?.slice(2).replaceAll('-', '_').toUpperCase()}`);
  }
});

test.each(commands)('`pilotfish $words` ends with 2 at an unknown flag, and names its help', async ({ words }) => {
  const { code, stdout, stderr } = await run([...words, '--no-such-flag']);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^error: unknown option '--no-such-flag'/);
  expect(stderr).toContain(`See: pilotfish ${words.join(' ')} --help`);
});

test.each(commands.filter(({ command }) => command.registeredArguments.some(({ required }) => required)))(
  '`pilotfish $words` ends with 2 without its argument',
  async ({ words }) => {
    expect(await run(words)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('missing required argument'),
    });
  },
);

/** Commands that need a pilot, with just enough arguments. */
const needPilot = [
  ['list'],
  ['get', 'echo'],
  ['describe', 'echo'],
  ['rm', 'echo'],
  ['invoke', 'echo', '-d', 'hi'],
  ['logs', 'echo'],
  ['node', 'list'],
  ['scale', 'explain', 'echo'],
  ['top'],
  ['pub', 'a.b', '-d', 'hi'],
  ['tail', 'a.b'],
];

test.each(needPilot.map((words) => ({ words })))(
  '`pilotfish $words` ends with 4 where no pilot is',
  async ({ words }) => {
    const { code, stdout, stderr } = await run(words);
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toContain('pilotfish up');
  },
);

test('errors are JSON on stderr where JSON is asked for, usage errors too', async () => {
  for (const [words, expected] of [
    [['list', '-o', 'json'], 'not-found'],
    // JSON is YAML, too.
    [['list', '-o', 'yaml'], 'not-found'],
    [['list', '--output=json', '--bogus'], 'usage'],
    [['deploy', join(home, 'nothing'), '-ojson'], 'not-found'],
  ] as const) {
    const { code, stderr } = await run(words);
    const { error } = JSON.parse(stderr) as { error: { code: keyof typeof errorCodes; message: string; hint: string } };
    expect(error).toEqual({ code: expected, message: expect.any(String), hint: expect.stringMatching(/./) });
    expect(code).toBe(errorCodes[expected].exit);
  }
});

test.each([
  [['nosuch'], "unknown command 'nosuch'"],
  [['lst'], 'Did you mean one of list, ls?'],
  [['list', '-o', 'xml'], 'Allowed choices are table, wide, json, yaml, name'],
  [['pub', 'a', '--count', '0'], 'whole number above 0'],
  [['pub', 'a', '--rate', 'fast'], '500/s'],
  [['tail', 'a', '--from', 'yesterday'], 'or a sequence number'],
  [['invoke', 'a', '--timeout', '5'], '"5" is not a duration'],
  [['invoke', 'a', '-d', 'x', '-f', 'y'], 'given twice'],
  [['invoke', 'a', '-d', 'x', '-H', 'novalue'], '"novalue" is no header'],
  [['logs', 'a', '--since', 'later'], 'neither a duration nor a time'],
  [['scale', 'set', 'a'], 'nothing to set'],
  [['scale', 'set', 'a', '--min', '-1'], 'whole number'],
  [['list', 'extra'], 'too many arguments'],
])('`pilotfish %s` is a usage error that helps', async (words, text) => {
  const { code, stderr } = await run(words);
  expect(code).toBe(2);
  expect(stderr).toContain(text);
});

test('without a command the help is shown, and it is an error', async () => {
  expect(await run([])).toMatchObject({ code: 2, stdout: '' });
  expect(await run(['node'])).toMatchObject({ code: 2, stdout: '' });
});

test.each([
  ['invoke echo -d x --timeout 0s', 'from 1ms to 24h'],
  ['invoke echo -d x --timeout 400d', 'from 1ms to 24h'],
  ['invoke echo -d x --async --keep 0s', 'from 1s to 7d'],
  ['invoke echo -d x --async --keep 30d', 'from 1s to 7d'],
  ['invoke echo -d x --keep 1h', '--keep goes with --async'],
  ['invoke echo -d x --async --stream', 'do not go together'],
  ['calls wait echo.x7Kq20aBcDeF --timeout 0s', 'from 1ms to 24h'],
  ['tail numbers.* --from yesterday', 'a time like 2026-11-27T04:00:00Z'],
  ['tail numbers.* --from 2026-11-27T04:00:00', 'a time like 2026-11-27T04:00:00Z'],
  ['tail numbers.* --from 1e3', 'or a sequence number'],
  ['deploy . --canary 10 --max-p99 0s', 'from 1ms to 24h'],
  ['node drain n1 --grace 400d', 'from 0s to 24h'],
])('`%s` is refused before anything is asked: %s', async (line, told) => {
  expect(await run(line.split(' '))).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(told) });
});

test('`--since` that reaches back further than there were pilots means all that is kept', () => {
  expect(parseSince('999999d', Date.UTC(2026, 10, 28))).toBe(0);
  expect(parseSince('1912-01-01', Date.UTC(2026, 10, 28))).toBe(0);
});

test('a payload above the limit ends with 3 before any pilot is looked for', async () => {
  writeFileSync(join(home, 'large'), Buffer.alloc(8 * 2 ** 20 + 1));
  const { code, stderr } = await run(['invoke', 'echo', '-f', join(home, 'large')]);
  expect(code).toBe(3);
  expect(stderr).toContain('8388609 bytes');
  expect(stderr).toContain('the limit is 8.0 MiB (8388608 bytes)');
});

test('formats: tabs in a pipe, columns on a terminal, and the stable shapes', async () => {
  expect((await run(['version', '--client'])).stdout).toBe(`pilotfish\t${platformVersion}\n`);
  expect((await run(['version', '--client'], true)).stdout).toBe(`pilotfish  ${platformVersion}\n`);
  expect((await run(['version', '--client', '-o', 'name'])).stdout).toBe(`${platformVersion}\n`);
  expect(JSON.parse((await run(['version', '-o', 'json'])).stdout)).toMatchObject({
    client: platformVersion,
    pilot: null,
  });
  expect((await run(['version', '-o', 'yaml'])).stdout).toContain(`client: ${platformVersion}`);
  expect(JSON.parse((await run(['pilot', 'list', '-o', 'json'])).stdout)).toEqual({
    apiVersion: 'pilotfish/v1',
    items: [],
  });
  expect(await run(['pilot', 'list'])).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.stringContaining('pilotfish up'),
  });
});

test('a flag wins over its variable, the variable over the default', async () => {
  vi.stubEnv('PILOTFISH_OUTPUT', 'name');
  expect((await run(['version', '--client'])).stdout).toBe(`${platformVersion}\n`);
  expect((await run(['version', '--client', '-o', 'table'])).stdout).toBe(`pilotfish\t${platformVersion}\n`);
});

test('`doctor` names what is missing and what to do, and ends with 1', async () => {
  const { context, stdout } = createContext();
  const code = await runCli({ ...context, env: { PILOTFISH_HOME: home, PATH: home } }, ['doctor', '-o', 'json']);
  const { items } = JSON.parse(stdout()) as { items: { check: string; state: string; advice: string }[] };
  const server = items.find(({ check }) => check === 'nats-server');
  expect(code).toBe(1);
  expect(server).toMatchObject({ state: 'fail', advice: expect.stringContaining('PILOTFISH_NATS_SERVER') });
  expect(items.find(({ check }) => check === 'esbuild')).toMatchObject({ state: 'ok' });
});

test('`doctor` says of a pilot whether its nodes are ready, and whether events pass between them unencrypted', () => {
  const nodes = [{ state: 'ready' }, { state: 'ready' }];
  const encrypted = ['tls://10.0.0.1:4222', 'tls://10.0.0.2:4222'];
  expect(pilotFinding('p-1', nodes, encrypted)).toMatchObject({ state: 'ok', found: 'p-1: 2 nodes ready' });
  expect(pilotFinding('p-1', nodes, ['nats://127.0.0.1:4222'])).toMatchObject({ state: 'ok' });
  expect(pilotFinding('p-1', nodes, ['nats://10.0.0.1:4222', ...encrypted])).toMatchObject({
    state: 'warn',
    found: expect.stringContaining('unencrypted (--plain-data)'),
    advice: expect.stringContaining('nobody else'),
  });
  expect(pilotFinding('p-1', [...nodes, { state: 'lost' }], encrypted)).toMatchObject({
    state: 'warn',
    found: 'p-1: 2 of 3 nodes ready',
  });
  expect(pilotFinding('p-1', [], encrypted).state).toBe('warn');
});

/** Words of a line as a shell would give them; what follows a pipe, a redirection or a comment is not ours. */
function shellWords(line: string): string[] {
  const words = line.match(/(?:[^\s'")]|'[^']*'|"[^"]*")+|\)/g) ?? [];
  const end = words.findIndex((word) => /^[|#;<>&)]/.test(word));
  return words.slice(0, end < 0 ? undefined : end).map((word) => word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'));
}

const nouns = [...new Set(commands.flatMap(({ words: [noun = '', verb] }) => (verb === undefined ? [] : [noun])))];
const helps = [...commands.map(({ words }) => ({ words })), ...nouns.map((noun) => ({ words: [noun] }))];

test.each(helps)('each example of `pilotfish $words` is understood', async ({ words }) => {
  const { stdout } = await run([...words, '--help']);
  const examples = (stdout.split('Examples:')[1] ?? '').split('\n').filter((line) => /^ {2}\$ /.test(line));
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) {
    const [name, ...argv] = shellWords(example.slice(example.indexOf('pilotfish')));
    if (name !== 'pilotfish') continue;
    const program = createProgram(createContext().context, () => undefined);
    let understood = false;
    for (const { command } of leaves(program)) {
      command.exitOverride().action(() => {
        understood = true;
      });
    }
    await program.exitOverride().parseAsync(argv, { from: 'user' });
    expect(understood, example).toBe(true);
  }
});
