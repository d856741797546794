/** Which nats-server is run, and what is said when there is none that will do. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkServerVersion, locateServer } from '#broker';
import { findTestServer } from '../harness/nats-server.ts';
import { TestHome } from '../harness/stand-in-pilot.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pilotfish-server-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('locateServer()', () => {
  test('prefers the setting, then what set-up found, then PATH', () => {
    const [asked, found, onPath] = [
      plant('asked', 'v2.11.0'),
      plant('found', 'v2.11.0'),
      plant('nats-server', 'v2.11.0'),
    ];
    const toolsFile = join(directory, 'tools.json');
    writeFileSync(toolsFile, JSON.stringify({ natsServer: found, node: 'x' }));
    expect(locateServer({ setting: asked, toolsFile, path: directory })).toBe(asked);
    expect(locateServer({ setting: undefined, toolsFile, path: directory })).toBe(found);
    expect(locateServer({ setting: '', toolsFile: join(directory, 'none'), path: `/nowhere:${directory}` })).toBe(
      onPath,
    );
  });

  test('says where it looked and how to get one', () => {
    const search = { setting: undefined, toolsFile: join(directory, 'tools.json'), path: directory };
    expect(() => locateServer(search)).toThrow(`no nats-server found, neither in ${search.toolsFile} nor on PATH`);
    expect(() => locateServer({ ...search, setting: '/no/such/program' })).toThrow(
      'PILOTFISH_NATS_SERVER is "/no/such/program"',
    );
  });
});

describe('checkServerVersion()', () => {
  test.each(['v2.11.0', 'v2.12.3-RC.1', 'v3.0.0'])('accepts %s', async (version) => {
    expect(await checkServerVersion(plant('nats-server', version))).toBe(version);
  });

  test.each(['v2.10.29', 'v1.99.0'])('refuses %s', async (version) => {
    await expect(checkServerVersion(plant('nats-server', version))).rejects.toThrow(
      `is nats-server ${version}; Pilotfish needs v2.11 or later`,
    );
  });

  test('refuses a program that is something else', async () => {
    await expect(checkServerVersion('/bin/true')).rejects.toThrow('is not a nats-server');
    await expect(checkServerVersion('/bin/false')).rejects.toThrow('--version" failed');
  });

  test('accepts the one the tests run with', async () => {
    expect(await checkServerVersion(findTestServer())).toMatch(/^v\d+\.\d+\.\d+/);
  });
});

test('`up` with an old nats-server says so, whatever the server itself says', async () => {
  await using home = new TestHome();
  const up = await home.startUp(1, { PILOTFISH_NATS_SERVER: plant('nats-server', 'v2.10.1') }).ended;
  expect(up.code).toBe(1);
  expect(up.stderr).toContain('is nats-server v2.10.1; Pilotfish needs v2.11 or later');
});

/** A program that prints a version and cannot serve. */
function plant(name: string, version: string): string {
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n[ "$1" = --version ] || exit 1\necho "nats-server: ${version}"\n`);
  chmodSync(path, 0o755);
  return path;
}
