/** What `build` and `deploy` say of a function before anything is sent: wrong code, no function at all, a top level that is tried. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runCommand } from '../harness/run-command.ts';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pilotfish-cli-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

const run = (argv: readonly string[]) => runCommand(home, argv, { PATH: process.env['PATH'] ?? '' });

test('`deploy` ends with 3 at a mistake in the code, before it looks for a pilot', async () => {
  writeFileSync(join(home, 'bad.ts'), 'export default {');
  const { code, stderr } = await run(['deploy', join(home, 'bad.ts')]);
  expect(code).toBe(3);
  expect(stderr).toContain('bad.ts:1:17: Expected identifier but found end of file');
});

test.each([
  ['an empty object', 'export default {};', 'an object without `handle` and `handleBatch`; it has nothing'],
  ['a number', 'export default 7;', 'a number, not an object'],
  ['an async function', 'export default async () => 1;', 'a function by itself'],
  ['a batch without a handler', 'export default { batch: { size: 4 } };', 'it has batch'],
  ['a handler that is none', 'export default { handle: "yes" };', 'an object whose `handle` is no function'],
  ['both handlers', 'export default { handle() {}, handleBatch() {} };', 'both `handle` and `handleBatch`'],
  ['what another file exports', "export { default } from './seven.ts';", 'a number, not an object'],
])(
  '`deploy` ends with 3 at %s in place of a function, names the file, and sends nothing',
  async (_what, text, told) => {
    writeFileSync(join(home, 'seven.ts'), 'export default 7;');
    writeFileSync(join(home, 'wrong.ts'), text);
    const { code, stderr } = await run(['deploy', join(home, 'wrong.ts'), '--skip-types']);
    expect({ code, stderr }).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('wrong.ts: its default export is'),
    });
    expect(stderr).toContain(told);
  },
);

test('a function whose top level does not run here is deployed all the same, with a word of it', async () => {
  writeFileSync(join(home, 'far.ts'), "throw new Error('no such detector');\nexport default { handle() {} };");
  const { code, stderr } = await run(['deploy', join(home, 'far.ts'), '--skip-types']);
  // What is missing then is a pilot.
  expect({ code, stderr }).toMatchObject({ code: 4, stderr: expect.stringContaining('no such detector') });
});

test('a function whose compiled form is too large to be handed over is a function all the same', async () => {
  const text = `const table = '${'x'.repeat(21 * 2 ** 20)}';\nexport default { handle: () => table.length };`;
  writeFileSync(join(home, 'large.ts'), text);
  const { code, stderr } = await run(['build', join(home, 'large.ts'), '--skip-types']);
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.not.stringContaining('could not be tried') });
}, 30_000);

test("a function's top level that is tried reads no file of this machine and sees nothing of its environment", async () => {
  vi.stubEnv('PILOTFISH_TEST_SECRET', 'seen');
  const tried = (expression: string) => `if (!${expression}) throw new Error('let in');`;
  const text = [
    'const refused = (what: () => unknown) => { try { what(); return false; } catch { return true; } };',
    "const { readFileSync, writeFileSync } = process.getBuiltinModule('fs');",
    tried(`refused(() => readFileSync('/etc/hostname'))`),
    tried(`refused(() => readFileSync(${JSON.stringify(join(home, 'shy.ts'))}))`),
    tried(`refused(() => writeFileSync(${JSON.stringify(join(home, 'written'))}, 'x'))`),
    tried(`refused(() => process.getBuiltinModule('child_process').execSync('true'))`),
    tried("process.env['PILOTFISH_TEST_SECRET'] === undefined"),
    'export default { handle() {} };',
  ];
  writeFileSync(join(home, 'shy.ts'), text.join('\n'));
  const { code, stderr } = await run(['build', join(home, 'shy.ts'), '--skip-types']);
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.not.stringContaining('let in') });
});

test('`deploy` ends with 3 at a type error, with its line; with --skip-types it goes on', async () => {
  const file = join(home, 'typed.ts');
  writeFileSync(file, 'const wrong: number = "text";\nexport default { handle: () => String(wrong) };\n');
  const refused = await run(['deploy', file]);
  expect(refused).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('typed.ts:1:7: Type') });
  // What is missing then is a pilot.
  expect(await run(['deploy', file, '--skip-types'])).toMatchObject({ code: 4, stdout: '' });
});
