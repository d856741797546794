// Bundles every process of the platform into one file each under dist/, which then runs without node_modules (esbuild,
// a native program, excepted). Skips itself while the contents of sources and outputs are those of the last build.
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { stderr } from 'node:process';
import { fileURLToPath } from 'node:url';
import { bundleDashboard, dashboardFiles } from './build/dashboard.mjs';
import { kernelModulesPlugin } from './build/kernel-modules.mjs';
import { bundledProtoFolders, protoFolderPlugin } from './build/proto-folders.mjs';
import { hashFiles, isFresh, listFiles, readStamp, writeStamp } from './lib/content-hash.mjs';
import { isMain, StepError } from './lib/report.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');

// Bundled code finds it where proto/index.ts does: below its own folder.
const descriptor = 'generated/descriptor.binpb';

/** One bundle per process; `instance` is CommonJS because that starts soonest and takes a V8 code cache. */
const entries = {
  'cli.mjs': 'platform/bin/cli.ts',
  'gateway.mjs': 'platform/bin/gateway.ts',
  'agent.mjs': 'platform/bin/agent.ts',
  'tracing.mjs': 'platform/bin/tracing.ts',
  'launcher.mjs': 'platform/bin/launcher.ts',
  'spawner.mjs': 'platform/bin/spawner.ts',
  'demo.mjs': 'deploy/demo/demo.ts',
  'recon.mjs': 'functions/offline/recon.ts',
  // The command line's thread for AssemblyScript.
  'compiler.mjs': 'platform/bundle/assemblyscript-thread.ts',
  'instance.cjs': 'platform/bin/instance.ts',
  // What `import ... from 'pilotfish/sdk'` means in a deployed function.
  'sdk.js': 'platform/sdk/index.ts',
  // What `import ... from 'pilotfish/testing'` means in the tests of a function's author.
  'testing.js': 'platform/sdk/testing/index.ts',
  // What makes a function of a source, so that producers can run on a pilot's nodes.
  'producer.js': 'functions/sources/producer-function.ts',
};

// These start once per instance or live in user code: a package inside would be paid for at every cold start.
const bare = new Set(['instance.cjs', 'sdk.js']);

// Bundled once more, as part of a function: what the banner gives, that bundle has by itself.
const rebundled = new Set(['producer.js']);

// Entries that are still being written: left out while their file does not exist.
const later = new Set([]);

// The one bundle that is cut into chunks at its dynamic imports.
const split = 'cli.mjs';
const chunkPrefix = 'cli-';

// Bundled CommonJS packages call require() and read __dirname, which an ES module does not have.
const banner = [
  `import { createRequire as pilotfishCreateRequire } from 'node:module';`,
  `const require = pilotfishCreateRequire(import.meta.url);`,
  `const __dirname = import.meta.dirname; const __filename = import.meta.filename;`,
].join(' ');

function inputHash() {
  const sources = ['platform', 'proto', 'functions', 'deploy/demo', 'deploy/build', 'deploy/lib', 'deploy/templates']
    .map((name) => join(root, name))
    .filter((path) => existsSync(path))
    .flatMap((path) => listFiles(path));
  const settings = ['package.json', 'package-lock.json', 'tsconfig.json', 'deploy/build.mjs'].map((name) =>
    join(root, name),
  );
  return hashFiles(root, [...sources, ...settings]);
}

// Outputs are known by size and time, not by content: they are ten megabytes, and only this script writes them.
const outputState = () =>
  [...Object.keys(entries), ...dashboardFiles, descriptor].map((name) => {
    const stat = statSync(join(dist, name), { throwIfNoEntry: false });
    return stat ? `${name} ${stat.size} ${stat.mtimeMs}` : `${name} missing`;
  });

/** True when dist/ was built from what is on disk now. */
export function isBuilt() {
  return isFresh(readStamp(root, 'build'), { input: inputHash(), output: outputState() });
}

/** A module of Node's own that nothing is taken from is left out: `node:crypto` alone was an eighth of what a host needs to start. */
const unusedBuiltinsPlugin = {
  name: 'unused-builtins',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, external: true, sideEffects: false }));
  },
};

function optionsFor(name, scratch) {
  const commonJs = name.endsWith('.cjs');
  return {
    absWorkingDir: root,
    entryPoints: { [basename(name, extname(name))]: entries[name] },
    outdir: scratch,
    outExtension: { '.js': extname(name) },
    // A command loads only what it needs: `version` starts in 50 ms instead of 150. Other processes need all of theirs.
    splitting: name === split,
    chunkNames: `${chunkPrefix}[hash]`,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: commonJs ? 'cjs' : 'esm',
    minify: false,
    // A stack needs positions; the sources themselves would be four fifths of what is copied to every node.
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    external: ['esbuild'],
    banner: commonJs || bare.has(name) || rebundled.has(name) ? {} : { js: banner },
    plugins: [unusedBuiltinsPlugin, protoFolderPlugin(root), kernelModulesPlugin(root)],
    metafile: true,
    logLevel: 'silent',
  };
}

async function bundle(esbuild, name, scratch) {
  const result = await esbuild.build(optionsFor(name, scratch)).catch((error) => {
    throw new StepError(`${entries[name]} does not bundle: ${error.message}`, 'correct it, then run `npm run build`', {
      cause: error,
    });
  });
  const packages = Object.keys(result.metafile.inputs).filter((path) => path.includes('node_modules/'));
  if (bare.has(name) && packages.length > 0) {
    throw new StepError(
      `${entries[name]} must not depend on packages, but pulls in ${packages[0]}`,
      'import only from folders that need no package; every cold start would pay for it',
    );
  }
}

async function dashboard(esbuild, scratch) {
  await bundleDashboard(esbuild, root, scratch).catch((error) => {
    throw new StepError(`the dashboard does not bundle: ${error.message}`, 'correct it, then run `npm run build`', {
      cause: error,
    });
  });
}

/** Builds if stale; returns what it did, for the set-up's report. */
export async function build({ force = false } = {}) {
  if (!force && isBuilt()) return 'fresh';
  const esbuild = await import('esbuild');
  const present = Object.keys(entries).filter((name) => existsSync(join(root, entries[name])));
  const missing = Object.keys(entries).find((name) => !present.includes(name) && !later.has(name));
  if (missing)
    throw new StepError(`${entries[missing]} is missing`, 'restore it: every process of the platform has its file');
  const input = inputHash();
  const scratch = join(root, 'dist', `.build-${process.pid}`);
  mkdirSync(scratch, { recursive: true });
  try {
    const results = await Promise.allSettled([
      ...present.map((name) => bundle(esbuild, name, scratch)),
      dashboard(esbuild, scratch),
    ]);
    // Moved one by one: a process that starts meanwhile finds the old file or the new one. What did bundle is moved even
    // if another did not, so that a half-written process does not keep the others from being tried.
    const files = readdirSync(scratch);
    for (const file of files) renameSync(join(scratch, file), join(dist, file));
    removeOldChunks(new Set(files));
    copyRunTimeFiles();
    const broken = results.find(({ status }) => status === 'rejected');
    if (broken) throw broken.reason;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  writeStamp(root, 'build', { input, output: outputState() });
  return `built ${present.length} bundles`;
}

// Chunks are named by content, so each build leaves others behind.
function removeOldChunks(fresh) {
  for (const file of readdirSync(dist)) if (file.startsWith(chunkPrefix) && !fresh.has(file)) rmSync(join(dist, file));
}

// What the bundles read at run time: our descriptor set, and the .proto files of the health and reflection packages.
function copyRunTimeFiles() {
  cpSync(join(root, 'proto', descriptor), join(dist, descriptor));
  // What `pilotfish init` writes, and what its projects take their types and their test harness from.
  cpSync(join(root, 'deploy/templates'), join(dist, 'templates'), { recursive: true });
  cpSync(join(root, 'deploy/pilotfish.schema.json'), join(dist, 'pilotfish.schema.json'));
  cpSync(join(root, 'platform/sdk'), join(dist, 'sdk'), { recursive: true });
  // The types of sources.
  cpSync(join(root, 'functions/sources/source.ts'), join(dist, 'sdk/source.ts'));
  // `import pilotfish` of foreign functions in Python.
  cpSync(join(root, 'platform/instance/python/pilotfish.py'), join(dist, 'python/pilotfish.py'));
  // `import pilotevents` of instruments and notebooks.
  cpSync(join(root, 'platform/client/python/pilotevents.py'), join(dist, 'python/pilotevents.py'));
  // What instances are started through, to be confined.
  cpSync(join(root, 'platform/isolation/confine.pl'), join(dist, 'confine.pl'));
  for (const { from, to } of bundledProtoFolders(root)) cpSync(from, join(dist, to), { recursive: true });
}

if (isMain(import.meta.url)) {
  try {
    stderr.write(`build: ${await build()}\n`);
  } catch (error) {
    stderr.write(`build: ${error.message}\n${error.next ? `next: ${error.next}\n` : ''}`);
    process.exitCode = 1;
  }
}
