/** Files that only their owner may read. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PlatformError } from '#common';
import { makePrivateDirectory, readPrivate, writePrivate } from '#security';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pilotfish-files-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('writePrivate()', () => {
  test('makes a 0600 file whatever the umask, and leaves no other', () => {
    const before = process.umask(0);
    try {
      writePrivate(join(directory, 'key'), 'one');
      writePrivate(join(directory, 'key'), 'two');
    } finally {
      process.umask(before);
    }
    expect(readFileSync(join(directory, 'key'), 'utf8')).toBe('two');
    expect(lstatSync(join(directory, 'key')).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['key']);
  });

  test('replaces a planted link and does not write through it', () => {
    writeFileSync(join(directory, 'theirs'), 'theirs');
    symlinkSync(join(directory, 'theirs'), join(directory, 'key'));
    writePrivate(join(directory, 'key'), 'secret');
    expect(readFileSync(join(directory, 'theirs'), 'utf8')).toBe('theirs');
    expect(lstatSync(join(directory, 'key')).isSymbolicLink()).toBe(false);
  });

  test.each([0o770, 0o707, 0o720, 0o702])('refuses a directory of mode %o', (mode) => {
    chmodSync(directory, mode);
    const failure = failureOf(() => writePrivate(join(directory, 'key'), 'secret'));
    expect(failure.code).toBe('permission-denied');
    expect(failure.hint).toContain(`chmod 700 ${directory}`);
    expect(existsSync(join(directory, 'key'))).toBe(false);
  });

  test('refuses a directory that is a link', () => {
    mkdirSync(join(directory, 'real'), { mode: 0o700 });
    symlinkSync(join(directory, 'real'), join(directory, 'link'));
    expect(failureOf(() => writePrivate(join(directory, 'link', 'key'), 'secret')).code).toBe('permission-denied');
  });

  test.skipIf(process.getuid?.() !== 0)('refuses a directory of another user (needs root to make one)', async () => {
    const { chownSync } = await import('node:fs');
    mkdirSync(join(directory, 'theirs'), { mode: 0o700 });
    chownSync(join(directory, 'theirs'), 12_345, 12_345);
    expect(failureOf(() => writePrivate(join(directory, 'theirs', 'key'), 'secret')).message).toContain(
      'belongs to user 12345',
    );
  });
});

describe('readPrivate()', () => {
  test.each([0o640, 0o604, 0o660, 0o644])('refuses a file of mode %o and says how to close it', (mode) => {
    const path = join(directory, 'key');
    writePrivate(path, 'secret');
    chmodSync(path, mode);
    const failure = failureOf(() => readPrivate(path));
    expect(failure.code).toBe('permission-denied');
    expect(failure.message).toBe(`others can read "${path}" (mode 0${mode.toString(8)})`);
    expect(failure.hint).toContain(`chmod 600 ${path}`);
  });

  test('reads what writePrivate() wrote', () => {
    writePrivate(join(directory, 'key'), 'secret');
    expect(readPrivate(join(directory, 'key'))).toBe('secret');
  });

  test('names a file that is not there, and refuses a link', () => {
    expect(failureOf(() => readPrivate(join(directory, 'none'))).code).toBe('not-found');
    writePrivate(join(directory, 'key'), 'secret');
    symlinkSync(join(directory, 'key'), join(directory, 'link'));
    expect(failureOf(() => readPrivate(join(directory, 'link'))).code).toBe('permission-denied');
  });
});

describe('makePrivateDirectory()', () => {
  test('makes 0700, accepts an own one, refuses one that others can write', () => {
    const path = join(directory, 'a', 'b');
    makePrivateDirectory(path, { recursive: true });
    expect(lstatSync(path).mode & 0o777).toBe(0o700);
    makePrivateDirectory(path);
    chmodSync(path, 0o777);
    expect(failureOf(() => makePrivateDirectory(path)).code).toBe('permission-denied');
  });
});

function failureOf(act: () => unknown): PlatformError {
  try {
    act();
  } catch (error) {
    if (error instanceof PlatformError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}
