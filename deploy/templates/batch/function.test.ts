import { testFunction } from 'pilotfish/testing';
import { expect, test } from 'vitest';
import definition from './function.ts';

test('doubles each value, and fails what is none by itself', async () => {
  const outcomes = await testFunction(definition).batch([{ data: '1' }, { data: 'two' }, { data: '3' }]);
  expect(outcomes).toMatchObject([{ text: '2' }, { kind: 'reject' }, { text: '6' }]);
});
