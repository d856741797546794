/** A folder goes whatever a function has left in it, and nothing that it links to. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { removeTree, removeTreeMeanwhile } from '#security';

const base = mkdtempSync(join(tmpdir(), 'pilotfish-tree-'));
const tree = join(base, 'tree');
const precious = join(base, 'precious');
/** A user that no machine has: modes do not hold root. */
const plain = 61_001;
const isRoot = process.getuid?.() === 0;

beforeEach(() => {
  mkdirSync(tree);
  writeFileSync(precious, 'kept');
});

afterAll(() => removeTree(base));

const ways = [
  ['removeTree', removeTree],
  ['removeTreeMeanwhile', removeTreeMeanwhile],
] as const;

describe.each(ways)('%s()', (_, remove) => {
  it('removes what lies deeper than a path can say, and leaves what is linked to', async () => {
    symlinkSync(precious, join(tree, 'link'));
    execFileSync('perl', ['-e', 'for (1 .. 600) { mkdir "deep-folder"; chdir "deep-folder" }'], { cwd: tree });
    await remove(tree);
    expect(existsSync(tree)).toBe(false);
    expect(readFileSync(precious, 'utf8')).toBe('kept');
    await remove(tree);
  });

  it('removes folders that are closed to their owner', () => {
    for (const folder of ['', 'a', 'a/b']) mkdirSync(join(tree, folder), { recursive: true });
    writeFileSync(join(tree, 'a/b/file'), 'x');
    if (isRoot) {
      chmodSync(base, 0o777);
      for (const path of ['', 'a', 'a/b', 'a/b/file']) chownSync(join(tree, path), plain, plain);
    }
    for (const folder of ['a/b', 'a', '']) chmodSync(join(tree, folder), 0);
    const script = join(base, 'remove-tree.ts');
    writeFileSync(script, readFileSync(join(import.meta.dirname, '../../platform/security/remove-tree.ts')), {
      mode: 0o644,
    });
    const code = `import(${JSON.stringify(script)}).then((door) => door.${remove.name}(${JSON.stringify(tree)}))`;
    const as = isRoot ? { uid: plain, gid: plain } : {};
    const { stderr, error } = spawnSync(process.execPath, ['-e', code], { ...as, cwd: '/', encoding: 'utf8' });
    expect(existsSync(tree), `${error?.message} ${stderr}`).toBe(false);
    rmSync(script);
  });
});
