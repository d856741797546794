/** What `up` runs on every node. */
import { existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import { PlatformError } from '#common';

/** The launcher's bundle lies beside this command's, or in dist when the command runs from source. Throws `not-found`. */
export function launcherCommand(): readonly string[] {
  const source = extname(import.meta.filename) === '.ts';
  const file = join(source ? join(import.meta.dirname, '..', '..', 'dist') : import.meta.dirname, 'launcher.mjs');
  if (existsSync(file)) return [process.execPath, file];
  throw new PlatformError('not-found', `the launcher's program is missing: ${file}`, {
    hint: 'Build it: npm run build',
  });
}
