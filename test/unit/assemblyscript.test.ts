/** The compiler of AssemblyScript: on its own thread, what it says of mistakes, and what it remembers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { compileAssemblyScript } from '../../platform/bundle/assemblyscript.ts';

const folder = mkdtempSync(join(tmpdir(), 'pilotfish-as-'));
const path = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function compiledValue(entry: string): Promise<number> {
  const { module } = await compileAssemblyScript(path(entry), folder);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(module)), { env: {} });
  return (exports['value'] as () => number)();
}

it('compiles while this thread goes on, and again only what has changed', async () => {
  writeFileSync(path('part.ts'), 'export const part: i32 = 40;\n');
  writeFileSync(
    path('whole.as.ts'),
    "import { part } from './part';\nexport function value(): i32 {\n  return part + 2;\n}\n",
  );
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  expect(await compiledValue('whole.as.ts')).toBe(42);
  clearInterval(timer);
  // The compiler works in one stroke: on this thread no timer would have had a turn before its answer.
  expect(turns).toBeGreaterThan(0);
  expect(await compiledValue('whole.as.ts')).toBe(42);
  writeFileSync(path('part.ts'), 'export const part: i32 = 50;\n');
  expect(await compiledValue('whole.as.ts')).toBe(52);
}, 60_000);

it('says what is wrong and where, one call beside the other', async () => {
  writeFileSync(path('bad.as.ts'), 'export function value(): i32 {\n  return nothing;\n}\n');
  writeFileSync(path('good.as.ts'), 'export function value(): i32 {\n  return 7;\n}\n');
  const [bad, good] = await Promise.allSettled([compiledValue('bad.as.ts'), compiledValue('good.as.ts')]);
  expect(good).toMatchObject({ value: 7 });
  expect(bad).toMatchObject({
    reason: { code: 'invalid', message: expect.stringMatching(/bad\.as\.ts.*2/s) as unknown },
  });
}, 60_000);

it('has a place in the source for every instruction of a function: those that an error is thrown by, and its first', async () => {
  const lines = [
    'function check(value: i32): i32 {',
    "  if (value == 1) throw new Error('no one please');",
    '  if (value == 2) return check(value) + check(value);',
    '  return value;',
    '}',
    'export function value(): i32 {',
    '  return check(asked()) + check(2 * asked());',
    '}',
    '@external("env", "asked") declare function asked(): i32;',
    '',
  ];
  writeFileSync(path('stack.as.ts'), lines.join('\n'));
  const { module, sourceMap } = await compileAssemblyScript(path('stack.as.ts'), folder);
  const map = new SourceMap(JSON.parse(Buffer.from(sourceMap).toString('utf8')));
  const traceOf = (asked: number) => {
    const env = {
      asked: () => asked,
      abort: () => {
        throw new Error('aborted');
      },
    };
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(module)), { env });
    const { stack } = expectThrown(exports['value'] as () => number);
    return [...stack.matchAll(/wasm-function\[\d+\]:(0x[\da-f]+)/g)].map(([, place]) => {
      const origin = map.findOrigin(1, Number(place) + 1);
      return 'fileName' in origin ? `${origin.fileName}:${origin.lineNumber}` : '?';
    });
  };
  expect(traceOf(1)).toEqual(['stack.as.ts:2', 'stack.as.ts:7']);
  const [innermost, ...callers] = traceOf(2);
  expect(innermost).toMatch(/^stack\.as\.ts:[23]$/);
  expect(new Set(callers)).toEqual(new Set(['stack.as.ts:3']));
}, 60_000);

function expectThrown(run: () => unknown): { readonly stack: string } {
  try {
    run();
  } catch (error) {
    return error as { readonly stack: string };
  }
  throw new Error('it throws nothing');
}
