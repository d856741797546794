// Generates proto/generated from proto/pilotfish/v1: lint, TypeScript by ts-proto, descriptor set for reflection.
// Skips itself when neither the protos nor the generator nor the output changed. `--out DIR` writes a full copy
// elsewhere (the freshness test compares it with what is committed). Plain JavaScript: set-up runs it on any Node >= 18.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { argv, env, execPath, stderr } from 'node:process';
import { fileURLToPath } from 'node:url';
import { hashFiles, isFresh, listFiles, readStamp, writeStamp } from './lib/content-hash.mjs';
import { isMain, StepError } from './lib/report.mjs';
import { run } from './lib/run.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const committed = join(root, 'proto/generated');

// buf starts its plugin in little time; a minute means that it hangs.
const bufWaitMsMax = 60_000;

function inputHash() {
  const protos = listFiles(join(root, 'proto'), (path) => path.endsWith('.proto'));
  const generators = ['ts-proto', '@bufbuild/buf'].map((name) => join(root, 'node_modules', name, 'package.json'));
  const settings = ['buf.yaml', 'buf.gen.yaml', 'deploy/gen.mjs'].map((name) => join(root, name));
  return hashFiles(root, [...protos, ...settings, ...generators]);
}

const outputHash = () => hashFiles(root, existsSync(committed) ? listFiles(committed) : []);

/** True when the committed output belongs to the protos on disk, as far as the last run's stamp knows. */
export function isGenerated() {
  return isFresh(readStamp(root, 'gen'), { input: inputHash(), output: outputHash() });
}

async function buf(...args) {
  const path = [join(root, 'node_modules/.bin'), dirname(execPath), env['PATH'] ?? ''].join(delimiter);
  // buf refuses to start without a cache folder, which it would look for in a HOME that may not exist.
  const bufEnv = { ...env, PATH: path, BUF_CACHE_DIR: join(root, '.cache/buf') };
  const done = await run(execPath, [join(root, 'node_modules/@bufbuild/buf/bin/buf'), ...args], {
    cwd: root,
    env: bufEnv,
    waitMsMax: bufWaitMsMax,
  });
  if (done.code !== 0) {
    throw new StepError(
      `buf ${args[0]} failed:\n${done.output}`,
      'correct the .proto file named above, then run `npm run gen`',
    );
  }
}

/** Writes the generated tree into `out`, laid out as proto/generated is. */
async function generateInto(out) {
  mkdirSync(join(root, '.cache'), { recursive: true });
  const scratch = mkdtempSync(join(root, '.cache/gen-'));
  try {
    await buf('lint');
    await buf('generate', '--output', scratch);
    const fresh = join(scratch, 'proto/generated');
    await buf('build', '--as-file-descriptor-set', '--exclude-source-info', '-o', join(fresh, 'descriptor.binpb'));
    replaceTree(fresh, out);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

// Files are replaced one by one and only where they differ: a colleague's running test never sees a missing module.
function replaceTree(from, to) {
  const wanted = new Set(listFiles(from).map((path) => path.slice(from.length + 1)));
  for (const name of wanted) {
    const target = join(to, name);
    if (existsSync(target) && readFileSync(target).equals(readFileSync(join(from, name)))) continue;
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(from, name), target);
  }
  for (const path of existsSync(to) ? listFiles(to) : []) {
    if (!wanted.has(path.slice(to.length + 1))) rmSync(path);
  }
}

/** Generates if stale; returns what it did, for the set-up's report. */
export async function generate({ force = false } = {}) {
  if (!force && isGenerated()) return 'fresh';
  await generateInto(committed);
  writeStamp(root, 'gen', { input: inputHash(), output: outputHash() });
  return 'generated';
}

if (isMain(import.meta.url)) {
  const at = argv.indexOf('--out');
  try {
    if (at > 0) await generateInto(resolve(argv[at + 1] ?? 'generated'));
    else stderr.write(`gen: ${await generate()}\n`);
  } catch (error) {
    stderr.write(`gen: ${error.message}\n${error.next ? `next: ${error.next}\n` : ''}`);
    process.exitCode = 1;
  }
}
