// Staleness by content: a step is fresh while the hash of what it reads and of what it wrote is the one it noted.
// Times are not trusted, since git, rsync and tar set them as they like.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** All files below `folder`, sorted, so that a hash over them does not depend on the file system's order. */
export function listFiles(folder, accept = () => true) {
  const found = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...listFiles(path, accept));
    else if (entry.isFile() && accept(path)) found.push(path);
  }
  return found.sort();
}

/** One digest over names and contents; a missing file counts as such. */
export function hashFiles(root, paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    const content = existsSync(path) ? readFileSync(path) : undefined;
    hash.update(`${relative(root, path)}\0${content?.length ?? 'missing'}\0`);
    if (content) hash.update(content);
  }
  return hash.digest('hex');
}

const stampPath = (root, name) => join(root, 'dist/stamps', `${name}.json`);

/** What the step noted after its last success, or undefined (never run, or a damaged note: the step runs again). */
export function readStamp(root, name) {
  try {
    return JSON.parse(readFileSync(stampPath(root, name), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Notes a success. Written aside and renamed, so that a killed set-up leaves the old note or the new one. */
export function writeStamp(root, name, stamp) {
  writeAtomic(stampPath(root, name), `${JSON.stringify(stamp, null, 2)}\n`);
}

export function writeAtomic(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  const aside = `${path}.${process.pid}`;
  writeFileSync(aside, content);
  renameSync(aside, path);
}

export function isFresh(stamp, wanted) {
  return stamp !== undefined && JSON.stringify(stamp) === JSON.stringify(wanted);
}
