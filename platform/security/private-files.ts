/**
 * Files that only their owner may read: login and compute nodes are shared by many users. Written whole or not at all
 * (new file, then rename), never through a symbolic link, never into a directory that others can write.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PlatformError } from '#common';

const fileMode = 0o600;
const directoryMode = 0o700;
const groupOrWorld = 0o077;
const groupOrWorldWrite = 0o022;

/** Makes a 0700 directory (parents must exist, or pass `recursive`); an existing one must be ours and closed to other writers. */
export function makePrivateDirectory(path: string, options: { readonly recursive?: boolean } = {}): void {
  if (options.recursive) makeParents(path);
  makeDirectory(path);
  assertPrivateDirectory(path);
}

/** Others may be faster. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: directoryMode });
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
  }
}

/** One by one: Node's own recursion never ends where the system says that a parent is missing which is there (autofs, /proc). */
function makeParents(path: string): void {
  const parent = dirname(path);
  if (existsSync(parent)) return;
  makeParents(parent);
  makeDirectory(parent);
}

/** Throws `permission-denied` when others could put or swap files in the directory. */
export function assertPrivateDirectory(path: string): void {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) {
    throw new PlatformError('permission-denied', `"${path}" is not a directory of its own (a link or a file)`, {
      hint: 'Move it away, or choose another place with PILOTFISH_HOME.',
    });
  }
  if (stat.uid !== ownUid()) {
    throw new PlatformError('permission-denied', `"${path}" belongs to user ${stat.uid}, not to you`, {
      hint: 'Choose a directory of your own with PILOTFISH_HOME.',
    });
  }
  if ((stat.mode & groupOrWorldWrite) !== 0) {
    throw new PlatformError('permission-denied', `others can write into "${path}" (mode ${modeText(stat.mode)})`, {
      hint: `chmod 700 ${quoted(path)}`,
    });
  }
}

/** Replaces the file in one step; readers see the old or the new text, never a part. Mode 0600. */
export function writePrivate(path: string, data: string | Uint8Array): void {
  const directory = dirname(path);
  assertPrivateDirectory(directory);
  const fresh = join(directory, `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  // O_EXCL and O_NOFOLLOW: whoever planted a file or link of this name gets an error, not our secret.
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = openSync(fresh, flags, fileMode);
  try {
    writeFileSync(file, data);
    closeSync(file);
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}

/** Text of a private file. Throws `permission-denied` where others could read or have written it, `not-found` where it is missing. */
export function readPrivate(path: string): string {
  const file = openPrivate(path);
  try {
    // The open file is checked, not the name: nobody can swap it in between.
    const stat = fstatSync(file);
    if (stat.uid !== ownUid() && stat.uid !== 0) {
      throw new PlatformError('permission-denied', `"${path}" belongs to user ${stat.uid}, not to you`);
    }
    if ((stat.mode & groupOrWorld) !== 0) {
      throw new PlatformError('permission-denied', `others can read "${path}" (mode ${modeText(stat.mode)})`, {
        hint: `It holds keys: treat them as known to others, or close it with: chmod 600 ${quoted(path)}`,
      });
    }
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** Changes whenever the file is replaced, as `writePrivate` does; "" where there is none. */
export function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.ino}.${stat.mtimeMs}` : '';
}

function openPrivate(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) {
      throw new PlatformError('not-found', `there is no file "${path}"`, {
        cause: error,
        hint: `It was looked for from ${process.cwd()}.`,
      });
    }
    if (isCode(error, 'ELOOP')) {
      throw new PlatformError(
        'permission-denied',
        `"${path}" is a symbolic link; keys are read from plain files only`,
        {
          cause: error,
        },
      );
    }
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function ownUid(): number {
  // Linux only: getuid is always there.
  return process.getuid?.() ?? 0;
}

function modeText(mode: number): string {
  return `0${(mode & 0o7777).toString(8)}`;
}

/** For a hint that is pasted into a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
