/** Which files have arrived, from look to look. */
import { describe, expect, it } from 'vitest';
import { compileGlob, FileFold, fileStem } from '#routing';
import { fc } from '../harness/properties.ts';

const stat = (bytes: number, modifiedMs = 0, inode = 1) => ({ bytes, modifiedMs, inode });

/** One look as a source takes it; returns the names that arrived. */
function look(fold: FileFold, directory: ReadonlyMap<string, ReturnType<typeof stat>>): string[] {
  const open = fold.toStat([...directory.keys()]);
  const arrived = fold.look(open.map((name) => ({ name, stat: directory.get(name) ?? stat(0) })));
  for (const one of arrived) fold.arrived(one);
  return arrived.map(({ name }) => name);
}

describe('FileFold', () => {
  it('waits until size and time stay the same', () => {
    const fold = new FileFold('settled', new Map());
    expect(look(fold, new Map([['a', stat(1)]]))).toEqual([]);
    expect(look(fold, new Map([['a', stat(2)]]))).toEqual([]);
    expect(look(fold, new Map([['a', stat(2, 5)]]))).toEqual([]);
    expect(look(fold, new Map([['a', stat(2, 5)]]))).toEqual(['a']);
    expect(look(fold, new Map([['a', stat(9, 9)]]))).toEqual([]);
  });

  it('takes what is renamed into place at once', () => {
    expect(look(new FileFold('renamed', new Map()), new Map([['a', stat(1)]]))).toEqual(['a']);
  });

  it('does not take a directory that was empty for a moment for new files; another file of the name is one', () => {
    const fold = new FileFold('renamed', new Map());
    const directory = new Map([['a', stat(1)]]);
    expect(look(fold, directory)).toEqual(['a']);
    expect(look(fold, new Map())).toEqual([]);
    expect(look(fold, directory)).toEqual([]);
    expect(look(fold, new Map())).toEqual([]);
    expect(look(fold, new Map([['a', stat(1, 0, 2)]]))).toEqual(['a']);
  });

  it('tells each file once, whatever comes, goes, grows and whoever takes over', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('write' as const), name: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ kind: fc.constant('hide' as const), name: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ kind: fc.constant('takeover' as const), name: fc.constant('') }),
      fc.record({ kind: fc.constant('look' as const), name: fc.constant('') }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let fold = new FileFold('settled', new Map());
        const directory = new Map<string, ReturnType<typeof stat>>();
        const hidden = new Map<string, ReturnType<typeof stat>>();
        const seen: string[] = [];
        let inode = 1;
        for (const { kind, name } of steps) {
          if (kind === 'takeover') fold = new FileFold('settled', new Map(fold.entries()));
          if (kind === 'hide') {
            const there = directory.get(name);
            const away = hidden.get(name);
            if (there) hidden.set(name, there);
            directory.delete(name);
            if (away) directory.set(name, away);
            if (!there) hidden.delete(name);
          }
          if (kind === 'write' && !directory.has(name) && !hidden.has(name)) directory.set(name, stat(1, 0, inode++));
          if (kind === 'look') seen.push(...look(fold, directory).map((one) => `${one} ${directory.get(one)?.inode}`));
        }
        expect(new Set(seen).size).toBe(seen.length);
      }),
    );
  });
});

describe('names', () => {
  it.each([
    ['*.h5', 'scan.h5', true],
    ['*.h5', 'scan.h5.tmp', false],
    ['scan_??.tif', 'scan_07.tif', true],
    ['scan_??.tif', 'scan_7.tif', false],
    ['a+b', 'aab', false],
    ['*', 'any\nthing', true],
  ])('%s matches %j: %s', (glob, name, answer) => expect(compileGlob(glob)(name)).toBe(answer));

  it.each([
    ['scan7.h5', 'scan7'],
    ['a.b.h5', 'a-b'],
    ['.hidden', '-hidden'],
    ['Messung 1 (ü).tif', 'Messung-1-'],
    ['...', '-'],
  ])('%j becomes the token %s', (name, token) => expect(fileStem(name)).toBe(token));
});
