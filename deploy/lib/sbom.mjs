// The bill of materials of an install, in CycloneDX 1.5: every package whose code is in the bundles or beside them, with
// the hash that the lock file demands of it, and the programs that are copied. The same lock gives the same bytes.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packagesOf } from './advisories.mjs';

/** Lock file entries that npm installs for more than development, and those that are copied all the same. */
function shippedPackages(root, copied) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return packagesOf(lock).filter(({ name, dev }) => !dev || copied.includes(name));
}

/** "sha512-<base64>" as CycloneDX writes it. */
function hashesOf(integrity) {
  const [algorithm, base64] = integrity?.split(/-(.*)/s) ?? [];
  if (algorithm !== 'sha512') return undefined;
  return [{ alg: 'SHA-512', content: Buffer.from(base64, 'base64').toString('hex') }];
}

function component({ name, version, integrity, license }) {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const hashes = hashesOf(integrity);
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    ...(hashes ? { hashes } : {}),
    ...(license ? { licenses: [{ expression: license }] } : {}),
  };
}

function program(name, version, path) {
  const content = createHash('sha256').update(readFileSync(path)).digest('hex');
  return { type: 'application', 'bom-ref': name, name, version, hashes: [{ alg: 'SHA-256', content }] };
}

/** `programs`: name, version and path of each program that travels along; `copied`: names of packages that do. */
export function billOfMaterials(root, programs, copied) {
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const libraries = shippedPackages(root, copied).map(component);
  const unique = [...new Map(libraries.map((each) => [each.purl, each])).values()];
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: { type: 'application', 'bom-ref': name, name, version } },
    components: [
      ...programs.map((each) => program(each.name, each.version, each.path)),
      ...unique.sort((a, b) => (a.purl < b.purl ? -1 : 1)),
    ],
  };
}
