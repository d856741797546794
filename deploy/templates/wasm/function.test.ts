// The compiler has to be here: npm install assemblyscript
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileString } from 'assemblyscript/asc';
import type { FunctionDefinition } from 'pilotfish/sdk';
import { moduleFunction, testFunction } from 'pilotfish/testing';
import { beforeAll, expect, test } from 'vitest';

const source = readFileSync(join(__dirname, 'function.as.ts'), 'utf8');
let definition: FunctionDefinition;
beforeAll(async () => {
  const { binary, stderr } = await compileString(source, { optimizeLevel: 3 });
  if (!binary) throw new Error(String(stderr));
  definition = moduleFunction(binary);
});

test('turns small letters into capital ones', async () => {
  expect(await testFunction(definition).event({ data: 'hello, 7' })).toMatchObject({ kind: 'done', text: 'HELLO, 7' });
});

test('leaves nothing of nothing', async () => {
  expect(await testFunction(definition).event({ data: '' })).toMatchObject({ kind: 'done', text: '' });
});
