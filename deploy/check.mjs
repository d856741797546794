// `npm run check`: everything that is judged without running the platform. All checks run, so that one reading shows all
// that is wrong; the exit code is 1 if any failed.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { stderr } from 'node:process';
import { fileURLToPath } from 'node:url';
import { problemsOf, readAdvisories } from './lib/advisories.mjs';
import { listFiles } from './lib/content-hash.mjs';
import { formatDuration } from './lib/report.mjs';
import { run } from './lib/run.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const binaries = join(root, 'node_modules/.bin');

// The slowest check takes ten seconds on two idle cores.
const checkWaitMsMax = 5 * 60_000;
// Some sixty diagnostics with their lines: more is not read, and must not fill the memory.
const outputCharsMax = 60_000;

/** A check that is a program of node_modules: it passes with exit code 0. */
function program(name, ...args) {
  return async () => {
    const path = `${binaries}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
    const env = { ...process.env, PATH: path, BUF_CACHE_DIR: join(root, '.cache/buf'), NO_COLOR: '1' };
    const { code, output } = await run(join(binaries, name), args, {
      cwd: root,
      env,
      waitMsMax: checkWaitMsMax,
      outputCharsMax,
    });
    return code === 0 ? [] : [output || `${name} ended with ${code}`];
  };
}

/** proto/generated must be exactly what the generator makes now. */
async function generatedIsFresh() {
  const committed = join(root, 'proto/generated');
  mkdirSync(join(root, '.cache'), { recursive: true });
  const scratch = mkdtempSync(join(root, '.cache/fresh-'));
  try {
    const made = await run(process.execPath, [join(root, 'deploy/gen.mjs'), '--out', scratch], {
      cwd: root,
      waitMsMax: checkWaitMsMax,
    });
    if (made.code !== 0) return [made.output];
    const names = (folder) => listFiles(folder).map((path) => path.slice(folder.length + 1));
    const all = [...new Set([...names(committed), ...names(scratch)])];
    const isSame = (name) =>
      [committed, scratch].every((folder) => existsSync(join(folder, name))) &&
      readFileSync(join(committed, name)).equals(readFileSync(join(scratch, name)));
    return all.filter((name) => !isSame(name)).map((name) => `proto/generated/${name} is stale: run \`npm run gen\``);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * The lock file names packages and digests, never where somebody's mirror keeps them; and of each package is known what is
 * known against it (`npm run audit` asks the registry, too).
 */
async function lockIsGood() {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const unclear = Object.entries(lock.packages)
    .filter(([path, entry]) => path !== '' && (entry.resolved !== undefined || !entry.version || !entry.integrity))
    .map(([path]) => `package-lock.json: ${path} has a "resolved" address, or no version, or no hash`);
  return [...unclear, ...problemsOf(lock, readAdvisories(root))];
}

const checks = {
  types: program('tsc', '--project', '.'),
  "the dashboard's types": program('tsc', '--project', 'platform/dashboard'),
  'format and lint': program('biome', 'ci', '--colors=off', '--max-diagnostics=60', '--diagnostic-level=error', '.'),
  'dead code': program('knip', '--no-progress'),
  floors: program('depcruise', 'platform', 'proto', 'functions', '--config', '.dependency-cruiser.cjs'),
  'proto lint': program('buf', 'lint'),
  'generated code': generatedIsFresh,
  'lock file': lockIsGood,
};

async function runOne([name, check]) {
  const startedMs = performance.now();
  const problems = await check();
  const elapsed = formatDuration(performance.now() - startedMs);
  stderr.write(`check: ${name} ${problems.length === 0 ? 'ok' : 'FAILED'} (${elapsed})\n`);
  if (problems.length > 0) stderr.write(`${problems.join('\n')}\n`);
  return { name, ok: problems.length === 0 };
}

/** As many at a time as there are cores; each check is one busy process. */
async function runAll() {
  const waiting = Object.entries(checks);
  const results = [];
  const lane = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) results.push(await runOne(next));
  };
  await Promise.all(Array.from({ length: Math.min(cpus().length, 4) }, lane));
  return results;
}

const failed = (await runAll()).filter(({ ok }) => !ok).map(({ name }) => name);
stderr.write(failed.length === 0 ? 'check: all passed\n' : `check: FAILED: ${failed.join(', ')}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
