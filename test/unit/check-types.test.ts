/** Type errors of functions, as `deploy` tells them: what tsc would say, with what it knows nothing of supplied. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkTypes } from '#bundle';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-types-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

describe('types', () => {
  test('are checked as tsc would, with file, line, column and the line itself', () => {
    const entry = write(
      'function.ts',
      `import { defineFunction } from 'pilotfish/sdk';
import kernel from './kernel.as.ts';
const wrong: number = 'text';
export default defineFunction({ handle: (event) => [new WebAssembly.Instance(kernel), event.txt(), Buffer.from('x'), wrong] });
`,
    );
    write('kernel.as.ts', 'export function f(x: f64): f64 { return x; }\n');
    const { errors, note } = checkTypes([entry], folder);
    expect(note).toBe('');
    expect(errors).toHaveLength(2);
    expect(errors[0]).toBe(
      "function.ts:3:7: Type 'string' is not assignable to type 'number'.\n  3 | const wrong: number = 'text';\n    |       ^^^^^",
    );
    expect(errors[1]).toContain("function.ts:4:93: Property 'txt' does not exist");
  });

  test.each(['esnext', 'dom'])(
    'know the whole of WebAssembly, for a kernel of the function; beside library %s',
    (lib) => {
      write('tsconfig.json', `{ "compilerOptions": { "lib": ["esnext", "${lib}"] } }`);
      const entry = write(
        'kernel.ts',
        `import { defineFunction } from 'pilotfish/sdk';
import kernel from './sum.wasm';
const names: string[] = WebAssembly.Module.exports(kernel).map(({ name }) => name);
const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 });
memory.grow(1);
const table = new WebAssembly.Table({ element: 'anyfunc', initial: 1 });
const sum = new WebAssembly.Global({ value: 'f64', mutable: true }, 0);
export default defineFunction({
  async handle(event) {
    const instance = await WebAssembly.instantiate(kernel, { env: { memory, table, sum } });
    const { handle } = instance.exports as { handle(pointer: number, length: number): bigint };
    try {
      return [String(handle(0, 0)), names];
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) return error.message;
      throw error;
    }
  },
});
`,
      );
      expect(checkTypes([entry], folder)).toEqual({ errors: [], note: '' });
    },
  );

  test('know the other files that a bundle takes in: texts and JSON', () => {
    write('greeting.txt', 'hello');
    write('table.json', '{ "rows": 5 }');
    const entry = write(
      'texts.ts',
      `import { defineFunction } from 'pilotfish/sdk';
import greeting from './greeting.txt';
import table from './table.json';
export default defineFunction({ handle: () => greeting.repeat(table.rows) });
`,
    );
    expect(checkTypes([entry], folder)).toEqual({ errors: [], note: '' });
  });

  test('of JavaScript and of what is right have no errors', () => {
    const right = write(
      'right.ts',
      `import { defineFunction, Reject } from 'pilotfish/sdk';
export default defineFunction({
  async *handle(event, ctx) {
    if (!ctx.secrets['TOKEN']) throw new Reject('no token');
    await ctx.state.update('n', (entry) => Number(entry?.text() ?? 0) + 1);
    yield event.json<{ a: number }>().a;
  },
});
`,
    );
    expect(checkTypes([right, write('plain.js', 'let x = 1; x = "2";')], folder)).toEqual({ errors: [], note: '' });
  });
});
