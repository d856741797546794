import { expect, test } from 'vitest';
import source from './source.ts';

test('the same place gives the same message', async () => {
  const opened = source.open({ sensor: 'b', mean: 10 });
  expect(opened.message(3)).toEqual(opened.message(3));
  expect(opened.message(0)).toEqual({ subject: '__NAME__.b', data: '{"celsius":10}' });
});
