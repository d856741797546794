/** What lies in an instance's scratch is counted, whatever its function does to hide it, and only who holds too much is ended. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesBelow, ScratchWatch, scratchBytesMax } from '../../platform/isolation/scratch-watch.ts';
import { fc } from '../harness/properties.ts';

const page = 4_096;
const endless = Number.POSITIVE_INFINITY;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-scratch-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, bytes: number): void {
  writeFileSync(join(folder, path), Buffer.alloc(bytes, 1));
}

describe('bytes below a folder', () => {
  it('are those of its files, a page at least for each entry', async () => {
    expect(await bytesBelow(folder, endless)).toBe(0);
    write('small', 1);
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    write('a/b/large', 10 * page);
    expect(await bytesBelow(folder, endless)).toBeGreaterThanOrEqual(13 * page);
  });

  it('are counted in a folder that is closed to its own user, and not behind a link', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'pilotfish-outside-'));
    writeFileSync(join(outside, 'large'), Buffer.alloc(100 * page, 1));
    symlinkSync(outside, join(folder, 'link'));
    symlinkSync(join(outside, 'large'), join(folder, 'file'));
    mkdirSync(join(folder, 'closed'));
    write('closed/large', 10 * page);
    chmodSync(join(folder, 'closed'), 0);
    const bytes = await bytesBelow(folder, endless);
    rmSync(outside, { recursive: true });
    expect(bytes).toBeGreaterThanOrEqual(11 * page);
    expect(bytes).toBeLessThan(20 * page);
  });

  it('are not counted any further once there are too many', async () => {
    for (let at = 0; at < 50; at++) write(`${at}`, page);
    expect(await bytesBelow(folder, 10 * page)).toBe(11 * page);
  });

  it('are none of a folder that is gone', async () => {
    expect(await bytesBelow(join(folder, 'gone'), endless)).toBe(0);
  });
});

describe('the watch', () => {
  const instance = (name: string, memoryBytes: number, pid = 1) => {
    const scratch = join(folder, name);
    mkdirSync(scratch, { recursive: true });
    const faults: string[] = [];
    return { scratch, memoryBytes, pid, faults, endFor: (fault: string) => void faults.push(fault) };
  };

  it('ends who holds more than twice its memory and some room, and says so', async () => {
    const [full, modest, unborn] = [instance('full', 0), instance('modest', 2 ** 20), instance('unborn', 0, 0)];
    for (const { scratch } of [full, modest, unborn])
      writeFileSync(join(scratch, 'f'), Buffer.alloc(scratchBytesMax(0) + page, 1));
    await new ScratchWatch().check([full, modest, unborn]);
    expect([full.faults.length, modest.faults.length, unborn.faults.length]).toEqual([1, 0, 0]);
    expect(full.faults[0]).toContain('it wrote more than 64 MiB into its scratch');
  });

  it('has one look at a time, and goes on after a folder that is gone', async () => {
    const [gone, full] = [instance('gone', 0), instance('full', 0)];
    rmSync(gone.scratch, { recursive: true });
    writeFileSync(join(full.scratch, 'f'), Buffer.alloc(scratchBytesMax(0) + page, 1));
    const watch = new ScratchWatch();
    await Promise.all([watch.check([gone, full]), watch.check([gone, full])]);
    expect(full.faults).toHaveLength(1);
    await watch.check([full]);
    expect(full.faults).toHaveLength(2);
  });

  it('leaves room for what the platform puts there: a payload and a result as large as the memory', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (memoryBytes) => {
        expect(scratchBytesMax(memoryBytes)).toBeGreaterThan(2 * memoryBytes);
      }),
    );
  });
});
