// What is known against the packages of the lock file. Registries differ in whether they can be asked, so what was looked up
// stands in deploy/advisories.json: each package with the advisories that name it, and the first version of our line that
// they do not. Pure; `npm run check` and `npm run audit` both ask here.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAtLeast } from './tools.mjs';

export function readAdvisories(root) {
  return JSON.parse(readFileSync(join(root, 'deploy/advisories.json'), 'utf8'));
}

/** Entries of a lock file with their packages' names; one name may come in several versions. */
export function packagesOf(lock) {
  return Object.entries(lock.packages)
    .filter(([path]) => path !== '')
    .map(([path, entry]) => ({
      ...entry,
      name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
    }));
}

/** Major, minor and patch; what comes after a hyphen is the same version here. */
function numbersOf(version) {
  return version.split('-', 1)[0].split('.').map(Number);
}

/** `@scope/*` stands for all packages of a scope, or of one beginning. */
function isLookedUp(name, { advisories, nothingFound }) {
  if (Object.hasOwn(advisories, name)) return true;
  const names = nothingFound.flatMap((line) => line.split(' '));
  return names.some((each) => (each.endsWith('*') ? name.startsWith(each.slice(0, -1)) : each === name));
}

/** Lines that say what is wrong; none where every package was looked up, and each finding is accepted with its reason. */
export function problemsOf(lock, record) {
  const packages = packagesOf(lock);
  const unknown = new Set(packages.filter(({ name }) => !isLookedUp(name, record)).map(({ name }) => name));
  const affected = packages.flatMap(({ name, version }) =>
    Object.entries(record.advisories[name] ?? {})
      .filter(([id, fixed]) => !isAtLeast(numbersOf(version), numbersOf(fixed)) && !Object.hasOwn(record.accepted, id))
      .map(
        ([id, fixed]) => `${name} ${version} is affected by ${id}: take ${fixed} or later, or accept it with a reason`,
      ),
  );
  const scripts = packages.filter(({ name, hasInstallScript }) => hasInstallScript && !record.installScripts[name]);
  return [
    ...[...unknown].map((name) => `${name} was not looked up for advisories: do so, and write it down`),
    ...affected,
    ...scripts.map(({ name }) => `${name} has an install script that is not listed (set-up runs none of them)`),
  ];
}

/** What `npm audit --json` found that is not accepted, one line each; undefined where its answer is none. */
export function findingsOf(answer, accepted) {
  if (typeof answer?.vulnerabilities !== 'object') return undefined;
  const found = Object.values(answer.vulnerabilities).flatMap(({ name, via }) =>
    // A text names the package through which it comes, which is in the list itself.
    via.filter((each) => typeof each === 'object').map((each) => ({ ...each, name, id: each.url.split('/').at(-1) })),
  );
  return found
    .filter(({ id }) => !Object.hasOwn(accepted, id))
    .map(({ name, id, severity, range, title }) => `${name} ${range}: ${title} (${severity}, ${id})`);
}
