// dist/tools.json: the programs that set-up found, read by the platform at run time. Relative paths count from dist/, so
// that an installed copy can be moved.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { writeAtomic } from './content-hash.mjs';
import { run } from './run.mjs';

const toolsPath = (root) => join(root, 'dist/tools.json');

export function readTools(root) {
  try {
    return JSON.parse(readFileSync(toolsPath(root), 'utf8'));
  } catch {
    return {};
  }
}

/** Adds to the file; `{ natsServer, natsServerVersion, node, nodeVersion }` when all steps have run. */
export function writeTools(root, found) {
  writeAtomic(toolsPath(root), `${JSON.stringify({ ...readTools(root), ...found }, null, 2)}\n`);
}

/** Tells whether a program file was replaced, without the 50 ms of running it. */
export function fingerprint(path) {
  if (path === undefined || !existsSync(path)) return undefined;
  const { size, mtimeMs } = statSync(path);
  return { path, size, mtimeMs };
}

/** The first file of that name on a PATH; folders in `except` are passed over. */
export function findOnPath(name, path = '', except = []) {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '' && !except.includes(resolve(folder)))
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path) {
  try {
    const stat = statSync(path);
    return stat.isFile() && (stat.mode & 0o111) !== 0;
  } catch {
    return false;
  }
}

const versionWaitMsMax = 10_000;

/** Runs `program --version`: `{version: [major, minor, patch]}` or `{why}` it cannot be used. */
export async function askVersion(program) {
  if (!existsSync(program)) return { why: 'there is no such file' };
  const { code, output } = await run(program, ['--version'], { waitMsMax: versionWaitMsMax });
  const match = /v?(\d+)\.(\d+)\.(\d+)/.exec(output);
  if (code !== 0 || !match) return { why: `it does not run (${output.split('\n')[0] || `exit ${code}`})` };
  return { version: match.slice(1, 4).map(Number) };
}

export function isAtLeast(version, minimum) {
  const differs = minimum.findIndex((part, index) => part !== version[index]);
  return differs < 0 || version[differs] > minimum[differs];
}
