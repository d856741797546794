import { testFunction } from 'pilotfish/testing';
import { expect, test } from 'vitest';
import definition from './function.ts';

test('counts the parts and their bytes', async () => {
  const parts = [0, 1, 2].map((index) => ({ kind: 'part', index, data: new Uint8Array(10) }));
  const outcome = await testFunction(definition).event({ parts });
  expect(outcome).toMatchObject({ kind: 'done', text: '{"parts":3,"bytes":30}' });
});
