/** A second user of the same machine, who knows where everything is: he gets nothing. Two plain users, so the test needs root. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCertificates } from '#security';
import { eventually } from '../harness/eventually.ts';

const root = join(import.meta.dirname, '../..');
const node = join(root, 'dist/node');
/** Users that no machine has: the kernel asks for no name. */
const owner = 61_001;
const stranger = 61_002;

const isRoot = process.getuid?.() === 0;
const readable = isRoot && spawnSync(node, ['-e', '0'], { uid: stranger, gid: stranger }).status === 0;
const why = isRoot ? 'other users cannot read this clone' : 'only root can become two other users';

interface Told {
  readonly directories: readonly string[];
  readonly files: readonly string[];
  readonly addresses: readonly string[];
  readonly sockets: readonly string[];
  readonly pids: readonly number[];
}

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function runAs(user: number, args: readonly string[], env: Record<string, string>): Promise<Finished> {
  const { promise, resolve, reject } = Promise.withResolvers<Finished>();
  const child = spawn(node, args, { uid: user, gid: user, env, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  child.once('error', reject);
  child.once('close', (code) => resolve({ code, stdout, stderr }));
  return promise;
}

describe.skipIf(!readable)(`another user of the machine (skipped where ${why})`, () => {
  const base = isRoot ? mkdtempSync(join(tmpdir(), 'pilotfish-users-')) : '';
  const home = join(base, 'home');
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    PILOTFISH_HOME: join(home, 'pilots-home'),
    PILOTFISH_NATS_SERVER: join(base, 'nats-server'),
    TMPDIR: tmpdir(),
  };
  const cli = (...args: string[]) => runAs(owner, [join(root, 'dist/cli.mjs'), ...args], env);
  let pilotDirectory = '';

  beforeAll(async () => {
    chmodSync(base, 0o755);
    mkdirSync(home, { mode: 0o755 });
    chownSync(home, owner, owner);
    const tools = JSON.parse(readFileSync(join(root, 'dist/tools.json'), 'utf8')) as { natsServer: string };
    copyFileSync(tools.natsServer, join(base, 'nats-server'));
    chmodSync(join(base, 'nats-server'), 0o755);
    const up = await cli('up', '--nodes', '1', '--cores-per-node', '2');
    expect(up, up.stderr).toMatchObject({ code: 0 });
    pilotDirectory = join(env.PILOTFISH_HOME, 'pilots', up.stdout.trim());
    const deployed = await cli('deploy', join(root, 'functions/echo'), '--skip-types');
    expect(deployed, deployed.stderr).toMatchObject({ code: 0 });
    expect(await cli('invoke', 'echo', '-d', 'mine')).toMatchObject({ code: 0, stdout: 'mine' });
  }, 120_000);

  afterAll(async () => {
    await cli('down', '--all');
    rmSync(base, { recursive: true, force: true });
  }, 60_000);

  /** What the stranger gained, told what he could find out anyway. */
  async function tryAll(told: Told): Promise<{ what: string; where: unknown }[]> {
    const file = join(base, 'told.json');
    writeFileSync(file, JSON.stringify(told), { mode: 0o644 });
    const script = join(base, 'stranger.mjs');
    copyFileSync(join(root, 'test/fixtures/stranger.mjs'), script);
    chmodSync(script, 0o644);
    const { code, stdout, stderr } = await runAs(stranger, [script, file], { PATH: env.PATH });
    expect(code, stderr).toBe(0);
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { what: string; where: unknown });
  }

  /** All processes of the pilot's owner. */
  const pidsOf = (user: number) =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          return statSync(`/proc/${pid}`).uid === user;
        } catch {
          // It ended while we looked.
          return false;
        }
      })
      .map(Number);

  it('would be noticed, did he get anything: what is open to him he finds open', async () => {
    const open = join(base, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    const plain = join(open, 'plain');
    writeFileSync(plain, '');
    chmodSync(plain, 0o666);
    const { CertificateAuthority } = await loadCertificates();
    const authority = await CertificateAuthority.create('open', Date.now());
    const server = createSecureServer(await authority.issue({ commonName: 'open', usage: ['server'] }, Date.now()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const his = spawn('sleep', ['60'], { uid: stranger, gid: stranger, stdio: 'ignore' });
    await once(his, 'spawn');
    const gains = await tryAll({
      directories: [open],
      files: [plain],
      addresses: [`127.0.0.1:${port}`],
      sockets: [],
      pids: [his.pid ?? 0],
    });
    his.kill('SIGKILL');
    server.close();
    expect(gains.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['list', 'write', 'read', 'change', 'signal', 'read environ', 'speak with the server at']),
    );
  }, 60_000);

  it('reads no key, log, artifact or frame, speaks with no port, signals and traces nobody', async () => {
    const launcher = JSON.parse(readFileSync(join(pilotDirectory, 'nodes/n1/launcher.json'), 'utf8')) as {
      runDirectory: string;
    };
    // A frame on its way through tmpfs, and one that an event claims.
    const frame = join(home, 'frame');
    writeFileSync(frame, Buffer.alloc(2 * 2 ** 20, 1), { mode: 0o600 });
    chownSync(frame, owner, owner);
    expect(await cli('invoke', 'echo', '-f', frame)).toMatchObject({ code: 0 });
    expect(await cli('pub', 'numbers.1', '-f', frame)).toMatchObject({ code: 0 });
    const pids = pidsOf(owner);
    const everything = readdirSync(launcher.runDirectory, { recursive: true, withFileTypes: true });
    const told = {
      directories: [env.PILOTFISH_HOME, pilotDirectory, join(pilotDirectory, 'keys'), launcher.runDirectory],
      files: [...new Set([home, launcher.runDirectory, '/dev/shm', tmpdir()].flatMap((each) => filesOf(owner, each)))],
      addresses: listening(pids),
      sockets: everything.filter((entry) => entry.isSocket()).map((entry) => join(entry.parentPath, entry.name)),
      pids,
    };
    const names = told.files.join('\n');
    for (const kind of [
      /keys\/ca\.key/,
      /connection\.json/,
      /artifacts\/[0-9a-f]{64}/,
      /\.log$/m,
      /scratch\//,
      /claims?\//,
    ])
      expect(names).toMatch(kind);
    expect(told.addresses.length).toBeGreaterThanOrEqual(3);
    expect(pids.length).toBeGreaterThanOrEqual(4);
    const gains = await tryAll(told);
    expect(gains.filter(({ what }) => what !== 'tried')).toEqual([]);
    expect(gains).toHaveLength(1);
  }, 120_000);

  it('finds nothing secret in the arguments of a process, nor would root in its environment or in a log', () => {
    const keys = join(pilotDirectory, 'keys');
    const secrets = readdirSync(keys)
      .filter((name) => !name.endsWith('.pem') && !name.endsWith('.json'))
      .flatMap((name) => readFileSync(join(keys, name), 'utf8').split('\n'))
      .filter((line) => line.length > 16 && !line.startsWith('-----'));
    expect(secrets.length).toBeGreaterThanOrEqual(6);
    const logs = readdirSync(join(pilotDirectory, 'nodes/n1/logs')).map((name) =>
      join(pilotDirectory, 'nodes/n1/logs', name),
    );
    const said = pidsOf(owner).flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`]);
    for (const file of [...said, ...logs]) {
      const text = textOf(file);
      expect(
        secrets.filter((secret) => text.includes(secret)),
        file,
      ).toEqual([]);
    }
  });

  it('is a stranger to the pilot when he runs the command line himself', async () => {
    const asStranger = await runAs(stranger, [join(root, 'dist/cli.mjs'), 'list'], { ...env, HOME: '/nonexistent' });
    expect(asStranger.code).not.toBe(0);
    const connection = join(pilotDirectory, 'connection.json');
    const byFile = await runAs(stranger, [join(root, 'dist/cli.mjs'), 'list', '--pilot', connection], env);
    expect(byFile.code).not.toBe(0);
    expect(byFile.stdout).toBe('');
  }, 60_000);

  it('cannot have the next pilot write where he wants', async () => {
    // Whatever name the pilot might choose in a directory that all share, a planted one is not followed.
    const planted = join(base, 'planted');
    mkdirSync(planted, { mode: 0o777 });
    chownSync(planted, stranger, stranger);
    const trap = join(base, 'trap');
    symlinkSync(planted, trap);
    const up = await runAs(owner, [join(root, 'dist/cli.mjs'), 'up', '--nodes', '1'], { ...env, PILOTFISH_HOME: trap });
    expect(up).toMatchObject({ code: 6 });
    expect(readdirSync(planted)).toEqual([]);
    const shared = join(base, 'shared');
    mkdirSync(shared, { mode: 0o777 });
    chmodSync(shared, 0o777);
    chownSync(shared, owner, owner);
    const open = await runAs(owner, [join(root, 'dist/cli.mjs'), 'up', '--nodes', '1'], {
      ...env,
      PILOTFISH_HOME: shared,
    });
    expect(open).toMatchObject({ code: 6, stderr: expect.stringContaining('others can write') });
  }, 60_000);

  it('leaves nothing of the owner behind once the pilot is down', async () => {
    expect(await cli('down', '--all')).toMatchObject({ code: 0 });
    await eventually(() => pidsOf(owner).length === 0, { what: 'no process of the owner is left', timeoutMs: 20_000 });
  }, 60_000);
});

/** Empty where a process has ended since it was listed. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Every file of this user below the directory. What is gone meanwhile, as others' temporary files are, is left out. */
function filesOf(user: number, directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
      const path = join(directory, entry.name);
      if (entry.isSymbolicLink() || statSync(path, { throwIfNoEntry: false })?.uid !== user) return [];
      return entry.isDirectory() ? filesOf(user, path) : entry.isFile() ? [path] : [];
    });
  } catch {
    // Gone since it was listed.
    return [];
  }
}

/** host:port of every TCP socket that these processes listen on. */
function listening(pids: readonly number[]): string[] {
  const inodes = new Set(
    pids.flatMap((pid) => {
      const { stdout } = spawnSync('ls', ['-l', `/proc/${pid}/fd`], { encoding: 'utf8' });
      return [...stdout.matchAll(/socket:\[(\d+)\]/g)].map(([, inode]) => inode ?? '');
    }),
  );
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === '0A' && inodes.has(fields[9] ?? ''))
    .map((fields) => {
      const [host = '', port = ''] = (fields[1] ?? '').split(':');
      const bytes =
        host
          .match(/../g)
          ?.reverse()
          .map((byte) => Number.parseInt(byte, 16)) ?? [];
      return `${bytes.join('.')}:${Number.parseInt(port, 16)}`;
    });
}
