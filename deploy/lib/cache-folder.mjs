// Where downloaded programs are kept: outside the clone, so that the next clone finds them without a network.
import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** PILOTFISH_CACHE, else the user's cache folder, else `.cache` in the clone where the home cannot be written. */
export function resolveCacheFolder(root, env) {
  if (env['PILOTFISH_CACHE']) return env['PILOTFISH_CACHE'];
  const folder = join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'pilotfish');
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return folder;
  } catch {
    return join(root, '.cache');
  }
}
