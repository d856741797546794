/** What is said of secrets after a deployment, which is done by then whatever happens. */
import { expect, test } from 'vitest';
import { PlatformError } from '#common';
import { secretNotes } from '../../platform/cli/functions/secret-notes.ts';

const set = (...names: string[]) => ({ secrets: async () => names.map((name) => ({ name, updatedAtMs: 0 })) });
const silent = { secrets: () => Promise.reject(new PlatformError('unavailable', 'the connection was lost')) };

test('each secret that is missing is named once, with what sets it', async () => {
  expect(await secretNotes(set('A'), ['A', 'B', 'B'])).toEqual([
    'note: the secret B is not set: pilotfish secret set B -f FILE',
  ]);
  expect(await secretNotes(set('A', 'B'), ['A', 'B'])).toEqual([]);
});

test('a pilot that does not answer, or need not be asked, spoils no deployment', async () => {
  expect(await secretNotes(silent, ['A'])).toEqual([]);
  expect(await secretNotes(silent, [])).toEqual([]);
});
