/** Where the programs of the platform are that run on every node. */
import { existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import { PlatformError } from '#common';

/**
 * The launcher's bundle lies beside this command's, or in dist when the command runs from source. It and its children keep
 * their compiled code in `codeCache`, which saves a fifth of a pilot's start. Throws `not-found`.
 */
export function launcherCommand(codeCache: string): readonly string[] {
  const file = join(distDirectory(), 'launcher.mjs');
  if (existsSync(file)) return ['env', `NODE_COMPILE_CACHE=${codeCache}`, process.execPath, file];
  throw new PlatformError('not-found', `the launcher's program is missing: ${file}`, {
    hint: 'Build it: npm run build',
  });
}

/** The folder of bundles. */
export function distDirectory(): string {
  const source = extname(import.meta.filename) === '.ts';
  return source ? join(import.meta.dirname, '..', '..', 'dist') : import.meta.dirname;
}
