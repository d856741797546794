/** CI's last line: it must never be green for a test run that did not happen. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

interface Outcome {
  readonly passed?: number;
  readonly failed?: number;
  readonly pending?: number;
  readonly brokenFiles?: number;
}

function writeReport({ passed = 0, failed = 0, pending = 0, brokenFiles = 0 }: Outcome): string {
  const folder = mkdtempSync(join(tmpdir(), 'pilotfish-ci-'));
  folders.push(folder);
  const path = join(folder, 'report.json');
  const broken = Array.from({ length: brokenFiles }, () => ({ status: 'failed', assertionResults: [] }));
  const withFailures = failed > 0 ? [{ status: 'failed', assertionResults: [{ status: 'failed' }] }] : [];
  const counts = { numPassedTests: passed, numFailedTests: failed, numPendingTests: pending, numTodoTests: 0 };
  writeFileSync(path, JSON.stringify({ ...counts, testResults: [...broken, ...withFailures] }));
  return path;
}

function summarise(report: string, testCode: number, otherFailures = 0): { line: string; code: number | null } {
  const script = join(import.meta.dirname, '../../deploy/ci-summary.mjs');
  const done = spawnSync(process.execPath, [script, report, String(testCode), String(otherFailures)], {
    encoding: 'utf8',
  });
  return { line: done.stdout, code: done.status };
}

describe('ci-summary', () => {
  it.each<[string, Outcome, number, number, string, number]>([
    ['all passed', { passed: 12 }, 0, 0, '12 passed, 0 failed\n', 0],
    ['some skipped', { passed: 12, pending: 2 }, 0, 0, '12 passed, 0 failed, 2 skipped\n', 0],
    ['one failed', { passed: 11, failed: 1 }, 1, 0, '11 passed, 1 failed\n', 1],
    ['a file that does not load', { passed: 11, brokenFiles: 1 }, 1, 0, '11 passed, 1 failed\n', 1],
    ['an error outside the tests', { passed: 12 }, 1, 0, '12 passed, 1 failed\n', 1],
    ['checks that failed', { passed: 12 }, 0, 1, '12 passed, 1 failed\n', 1],
    ['no test at all', {}, 0, 0, '0 passed, 1 failed\n', 1],
    ['everything skipped', { pending: 5 }, 0, 0, '0 passed, 1 failed, 5 skipped\n', 1],
  ])('%s', (_, outcome, testCode, otherFailures, line, code) => {
    expect(summarise(writeReport(outcome), testCode, otherFailures)).toEqual({ line, code });
  });

  it('counts a missing report as a failure, whatever the exit code was', () => {
    expect(summarise(join(tmpdir(), 'pilotfish-no-such-report.json'), 0)).toEqual({
      line: '0 passed, 1 failed\n',
      code: 1,
    });
  });
});
