/** What people get wrong on a command line: each is told what, where, why and what to do next, at once and with its exit code. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCommand } from '../harness/run-command.ts';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pilotfish-cli-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const run = (argv: readonly string[], env: Readonly<Record<string, string>> = {}) => runCommand(home, argv, env);

test.each([
  ['up --queue short', 2, /--queue means nothing on local:\/\/.*\n.*--resource slurm:\/\//],
  ['up --max-nodes 4', 2, /--max-nodes means nothing on local/],
  ['up --walltime 0s', 2, /'0s' is invalid. It must be from 10s to 365d/],
  ['up --store-size 1KiB', 2, /--store-size is 1.0 KiB, and the streams need 64 MiB\n.*Left off/],
  ['logs echo --since 5', 2, /"5" is neither a duration nor a time\nWrite --since 5m/],
  ['list node', 2, /too many arguments for 'list'.*\nDid you mean: pilotfish node list$/m],
  ['describe nodes n1', 2, /too many arguments for 'describe'.*\nDid you mean: pilotfish node describe n1$/m],
  ['drain node n1', 2, /unknown command 'drain'.*\nDid you mean: pilotfish node drain n1$/ms],
  ['list everything', 2, /See: pilotfish list --help/],
  ['help deploi', 2, /there is no command "deploi"/],
] as const)('`pilotfish %s`', async (line, code, says) => {
  expect(await run(line.split(' '))).toMatchObject({ code, stderr: expect.stringMatching(says) });
});

test('a folder is no payload, and a file is no folder with a connection', async () => {
  expect(await run(['pub', 'numbers.1', '-f', home])).toMatchObject({
    code: 3,
    stderr: `error: "${home}" is a folder, and a payload is one file\nName a file of it.\n`,
  });
  writeFileSync(join(home, 'file'), '');
  const inside = join(home, 'file', 'connection.json');
  expect(await run(['list', '--pilot', inside])).toMatchObject({
    code: 4,
    stderr: expect.stringContaining(`there is no file "${inside}"`),
  });
});

test('a home that cannot be made is told, where Node would try for ever', async () => {
  expect(await run(['up'], { PILOTFISH_HOME: '/proc/nobody/pilotfish' })).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(
      /\/proc\/nobody\/pilotfish cannot be written: no such file or directory\nSet PILOTFISH_HOME/,
    ),
  });
});
