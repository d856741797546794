/** The launcher's small decisions: how long to wait before a restart, when to cut a log. */
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { restartDelayMs, rotateLog } from '#launcher';
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
