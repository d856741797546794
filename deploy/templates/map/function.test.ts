import { testFunction } from 'pilotfish/testing';
import { expect, test } from 'vitest';
import definition from './function.ts';

const config = { offset: 273.15 };

test('converts a reading', async () => {
  const t = testFunction(definition, { config });
  const outcome = await t.event({ data: { celsius: 20 } });
  expect(outcome).toMatchObject({ kind: 'done', text: '{"kelvin":293.15}' });
  expect(t.logs).toMatchObject([{ level: 'info', message: 'converted' }]);
});

test('rejects what is no reading', async () => {
  expect(await testFunction(definition, { config }).event({ data: {} })).toMatchObject({ kind: 'reject' });
});
