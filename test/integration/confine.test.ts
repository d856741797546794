/** What confine.pl takes from a process, option by option, as far as this kernel lets it; and the words that an instance starts with. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { confiningWords, describeIsolation, probeIsolation } from '#isolation';

const run = promisify(execFile);
const script = join(import.meta.dirname, '../../platform/isolation/confine.pl');
const isolation = await probeIsolation(script);
const { confine } = isolation;
const folder = mkdtempSync(join(tmpdir(), 'pilotfish-confine-'));
afterAll(() => rmSync(folder, { recursive: true }));

const options = { memoryBytes: 2 ** 28, isNode: false, net: false, write: [folder] };

/** What a command says, run by the words an instance would have on a node like `like`. */
async function confined(like: typeof isolation, command: readonly string[], more: object = {}): Promise<string> {
  const [program = '', ...args] = [...confiningWords(like, { ...options, ...more }), ...command];
  const { stdout, stderr } = await run(program, args).catch((error: { stdout: string; stderr: string }) => error);
  return `${stdout}${stderr}`.trim();
}

const shell = (text: string) => ['sh', '-c', text];
const openSocket = (family: string) => [
  process.execPath,
  '-e',
  `require('net').connect(${family}).on('error', (e) => console.log(e.code)).on('connect', () => console.log('connected'))`,
];

const hasPerl = spawnSync('perl', ['-e', '0']).status === 0;
it.skipIf(!hasPerl || !['x64', 'arm64'].includes(process.arch))(
  'confine.pl runs here (skipped where there is no Perl, or it is another machine)',
  async () => {
    expect(await run('perl', [script, '--', 'true']).catch(({ stderr }: { stderr: string }) => stderr)).toMatchObject({
      stderr: '',
    });
    expect(confine).toBeDefined();
  },
);

describe.skipIf(confine === undefined)(
  'confine.pl (skipped where it does not run: no Perl, or another machine)',
  () => {
    it('refuses an option that it does not know, and a command that is not there', async () => {
      await expect(run('perl', [script, '--wirte', '/', '--', 'true'])).rejects.toThrow('unknown option --wirte');
      await expect(run('perl', [script, '--', '/no/such/program'])).rejects.toThrow('/no/such/program: No such file');
      await expect(run('perl', [script, '--data', '1000000000', '--'])).rejects.toThrow('no command');
    });

    it('limits data, open files and core dumps, and forbids to gain privileges', async () => {
      const limits = await confined(isolation, shell('cat /proc/self/limits /proc/self/status'));
      expect(limits).toMatch(/^Max core file size +0 +0 /m);
      expect(limits).toMatch(/^Max open files +1024 +1024 /m);
      expect(limits).toMatch(new RegExp(`^Max data size +${2 ** 28 + 512 * 2 ** 20} `, 'm'));
      expect(limits).toMatch(/^NoNewPrivs:\t1$/m);
    });

    it.skipIf(!confine?.landlock)(
      '(with Landlock) closes all files but its own for writing, links included',
      async () => {
        const outside = mkdtempSync(join(tmpdir(), 'pilotfish-outside-'));
        symlinkSync(outside, join(folder, 'link'));
        try {
          const said = await confined(
            isolation,
            shell(
              `echo own > ${folder}/own; echo null > /dev/null; for to in ${outside} ${folder}/link /dev/shm; do echo x > $to/pilotfish-x; done`,
            ),
          );
          expect(readFileSync(join(folder, 'own'), 'utf8')).toBe('own\n');
          expect(said.match(/denied/g)).toHaveLength(3);
          expect([outside, '/dev/shm'].some((path) => existsSync(join(path, 'pilotfish-x')))).toBe(false);
        } finally {
          rmSync(outside, { recursive: true });
        }
      },
    );

    it.skipIf(!confine?.signals)('(with Landlock ABI 6) keeps signals inside', async () => {
      expect(
        await confined(isolation, shell(`kill -0 ${process.pid} || echo kept; sleep 9 & kill $! && echo own`)),
      ).toMatch(/not permitted\nkept\nown|kept\nown/);
    });

    it.skipIf(!confine?.sockets)('(with seccomp, where there are no namespaces) opens no network sockets', async () => {
      const without = { ...isolation, namespaces: false };
      expect(await confined(without, openSocket("9, '127.0.0.1'"), { isNode: true })).toBe('EACCES');
      expect(await confined(without, openSocket("'/no/such/socket'"), { isNode: true })).toBe('ENOENT');
      expect(await confined(without, openSocket("9, '127.0.0.1'"), { isNode: true, net: true })).toBe('ECONNREFUSED');
      expect(describeIsolation(without, 1)).toMatchObject({ enforced: expect.arrayContaining(['network']) });
    });
  },
);

describe('where a part is missing', () => {
  it('`describeIsolation()` says so', () => {
    const bare = { setpriv: false, prlimit: false, namespaces: false, confine: undefined, cores: [] };
    expect(describeIsolation(bare, 1)).toEqual({
      tier: 'limits',
      enforced: ['memory', 'files'],
      notEnforced: ['cpu', 'network', 'foreign-files', 'signals', 'privileges'],
    });
    const full = { path: 'x', landlock: true, signals: true, sockets: true };
    expect(describeIsolation({ ...bare, confine: full }, 1).tier).toBe('seccomp+landlock');
    expect(describeIsolation({ ...bare, namespaces: true, confine: full }, 1).tier).toBe('namespaces+landlock');
  });

  it('`confiningWords()` takes what util-linux has, without Perl', async () => {
    const words = confiningWords({ ...isolation, confine: undefined }, options);
    expect(words).not.toContain('perl');
    if (isolation.setpriv) expect(words).toContain('setpriv');
    expect(await confined({ ...isolation, confine: undefined }, ['echo', 'runs'])).toBe('runs');
  });
});
