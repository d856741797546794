/** The references in docs/ are what the code says today. After a change: `npm test -- test/unit/reference.test.ts -u`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cliReference } from '../../deploy/reference/cli-reference.ts';
import { manifestReference } from '../../deploy/reference/manifest-reference.ts';
import { sdkReference } from '../../deploy/reference/sdk-reference.ts';

const root = join(import.meta.dirname, '../..');
const page = (name: string) => join(root, 'docs/reference', `${name}.md`);

it('of the command line', async () => {
  const text = cliReference();
  expect(text).toContain('## pilotfish deploy\n');
  expect(text).toContain('## pilotfish auth token create\n');
  await expect(text).toMatchFileSnapshot(page('cli'));
});

it('of the manifest', async () => {
  const schema = JSON.parse(readFileSync(join(root, 'deploy/pilotfish.schema.json'), 'utf8'));
  const text = manifestReference(schema);
  expect(text).toContain('| `functions.NAME.timeout` |');
  await expect(text).toMatchFileSnapshot(page('manifest'));
});

it('of the SDK', async () => {
  const modules = [
    { name: 'pilotfish/sdk', file: join(root, 'platform/sdk/index.ts') },
    { name: 'pilotfish/testing', file: join(root, 'platform/sdk/testing/index.ts') },
  ];
  const text = sdkReference(modules);
  expect(text).toContain('### defineFunction\n');
  expect(text).toContain('### FunctionContext\n');
  // A comment of the source, and nothing of a body.
  expect(text).not.toContain('#events');
  await expect(text).toMatchFileSnapshot(page('sdk'));
}, 60_000);
