// Step 1: `npm ci`, when node_modules is not what package-lock.json says.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StepError } from '../lib/report.mjs';
import { run } from '../lib/run.mjs';

// 200 packages over a slow line; npm itself retries within this.
const installWaitMsMax = 15 * 60_000;

function readPackages(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages;
}

// npm leaves out optional packages made for other machines. Packages told apart by C library are not demanded: which one
// npm takes is its own decision.
function isWantedHere(entry) {
  if (!entry.optional && !entry.os && !entry.cpu) return true;
  const fits = (list, value) => list === undefined || list.includes(value);
  return entry.libc === undefined && fits(entry.os, process.platform) && fits(entry.cpu, process.arch) && !!entry.os;
}

/** npm notes what it installed in node_modules/.package-lock.json, as the last thing it does. */
function isFresh({ root }) {
  const installed = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return false;
  const actual = readPackages(installed);
  return Object.entries(readPackages(join(root, 'package-lock.json'))).every(([path, entry]) => {
    const found = actual[path];
    if (path === '') return true;
    if (found === undefined) return !isWantedHere(entry);
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

// npm puts a page of command line help behind some of its errors.
function withoutUsage(output) {
  const end = output.search(/^npm error Clean install a project/m);
  return end < 0 ? output : output.slice(0, end).trim();
}

async function install({ root, env }) {
  // No install scripts: every program here comes as a file in a package. The flags undo what a user's own npm settings
  // (omit=dev, a silent log level passed down by `npm run --silent`) would take away.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--include=dev', '--include=optional'];
  const npm = env['npm_execpath'];
  const viaNode = npm?.endsWith('.js') || npm?.endsWith('.cjs');
  const command = viaNode ? [process.execPath, npm] : ['npm'];
  const done = await run(command[0], [...command.slice(1), ...args, '--loglevel=error'], {
    cwd: root,
    waitMsMax: installWaitMsMax,
  });
  if (done.code !== 0) {
    throw new StepError(
      `npm ci ended with ${done.code}:\n${withoutUsage(done.output)}`,
      'if the two files disagree, run `npm install --ignore-scripts`; else check that the npm registry can be reached (npm config get registry, proxy settings), then run the command again',
    );
  }
  return done.output.split('\n').findLast((line) => line.startsWith('added')) ?? 'installed';
}

export const dependenciesStep = {
  name: 'dependencies',
  does: 'npm ci (about 200 packages, 20 s)',
  isFresh,
  run: install,
};
