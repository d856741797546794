/** The launcher's small decisions: how long to wait before a restart, when to cut a log. */
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeClaims, removeClaims, restartDelayMs, rotateLog } from '#launcher';
import type { Claims } from '#model';
import { fc } from '../harness/properties.ts';

describe('restartDelayMs()', () => {
  test('is nothing at first, then doubles from 100 ms to 5 s', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 9].map(restartDelayMs)).toEqual([
      0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000,
    ]);
  });

  test('never falls and never passes 5 s', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), (deaths) => {
        expect(restartDelayMs(deaths + 1)).toBeGreaterThanOrEqual(restartDelayMs(deaths));
        expect(restartDelayMs(deaths)).toBeLessThanOrEqual(5_000);
      }),
    );
  });
});

describe('rotateLog()', () => {
  test('keeps one older file, and a child that holds the log open goes on in the emptied one', () => {
    const directory = mkdtempSync(join(tmpdir(), 'pilotfish-logs-'));
    const log = join(directory, 'agent.log');
    const child = openSync(log, 'a');
    try {
      writeSync(child, 'x'.repeat(100));
      expect(rotateLog(log, 100)).toBe(false);
      writeSync(child, 'y');
      expect(rotateLog(log, 100)).toBe(true);
      writeSync(child, 'later');
      expect(readFileSync(log, 'utf8')).toBe('later');
      expect(readFileSync(`${log}.1`, 'utf8')).toBe(`${'x'.repeat(100)}y`);
      writeFileSync(log, 'z'.repeat(101));
      expect(rotateLog(log, 100)).toBe(true);
      expect(readFileSync(`${log}.1`, 'utf8')).toBe('z'.repeat(101));
      expect(rotateLog(join(directory, 'none.log'), 100)).toBe(false);
      expect(existsSync(join(directory, 'none.log.1'))).toBe(false);
    } finally {
      closeSync(child);
      rmSync(directory, { recursive: true });
    }
  });
});

describe('the folder of large payloads', () => {
  const isRoot = process.getuid?.() === 0;

  function inPlace(run: (directory: string, claims: Claims) => void): void {
    const base = mkdtempSync(join(tmpdir(), 'pilotfish-planted-'));
    const directory = join(base, 'pilotfish-0-p-test-claims');
    try {
      run(directory, { place: 'node', directory, token: 'secret', bytesMax: 1_000 });
    } finally {
      rmSync(base, { recursive: true });
    }
  }

  test('is private, is shared by the nodes of one machine, and goes with the last of them', () => {
    inPlace((directory, claims) => {
      for (const node of ['n1', 'n2']) {
        makeClaims({ claims });
        mkdirSync(join(directory, node));
      }
      expect(statSync(directory).mode & 0o777).toBe(0o700);
      removeClaims({ claims, node: 'n1' });
      expect(readdirSync(directory)).toEqual(['n2']);
      removeClaims({ claims, node: 'n2' });
      expect(existsSync(directory)).toBe(false);
    });
  });

  test.each([
    ['a link', (directory: string, elsewhere: string) => symlinkSync(elsewhere, directory)],
    [
      'a folder that others can write',
      (directory: string) => {
        mkdirSync(directory);
        chmodSync(directory, 0o777);
      },
    ],
    [
      "another user's folder",
      (directory: string) => {
        mkdirSync(directory, { mode: 0o700 });
        // Whoever is not root cannot give a folder away; then this case is that of a folder open to others, once more.
        if (isRoot) chownSync(directory, 61_002, 61_002);
        else chmodSync(directory, 0o777);
      },
    ],
  ])('is refused where somebody has planted %s, and nothing behind it is touched', (_what, plant) => {
    inPlace((directory, claims) => {
      const elsewhere = join(directory, '../elsewhere');
      mkdirSync(join(elsewhere, 'n1'), { recursive: true });
      plant(directory, elsewhere);
      expect(() => makeClaims({ claims })).toThrow(expect.objectContaining({ code: 'permission-denied' }));
      removeClaims({ claims, node: 'n1' });
      expect(readdirSync(elsewhere)).toEqual(['n1']);
    });
  });
});
