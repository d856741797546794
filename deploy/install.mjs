// The work of install.sh: lays out the copy beside its final place, moves it in, and packs it.
//
//   DIR/pilotfish/bin/pilotfish        the command, a shell script that finds everything by its own place
//   DIR/pilotfish/bin/{node,nats-server}
//   DIR/pilotfish/dist/                bundles and tools.json (paths relative to dist/)
//   DIR/pilotfish/functions/           the examples
//   DIR/pilotfish/sbom.cdx.json        what is inside, with hashes (CycloneDX)
//   DIR/pilotfish/node_modules/        esbuild with its program, the one package that cannot be bundled; the compiler that
//                                      checks types; what the examples import
//   DIR/pilotfish-<version>-linux-<machine>.tar.gz
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { argv, exit, stderr, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { StepError } from './lib/report.mjs';
import { billOfMaterials } from './lib/sbom.mjs';
import { readTools } from './lib/tools.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const packages = ['esbuild', `@esbuild/linux-${process.arch}`];
// What functions/ imports: its examples are built where the copy is, without a network.
const examplePackages = ['fast-png'];

function copyPrograms(to) {
  const { node, natsServer } = readTools(root);
  mkdirSync(join(to, 'bin'), { recursive: true });
  for (const [name, from] of [
    ['node', node],
    ['nats-server', natsServer],
  ]) {
    if (!from || !existsSync(from))
      throw new StepError(`set-up left no ${name}`, 'run `npm run setup` and look at its notes');
    copyFileSync(from, join(to, 'bin', name));
    chmodSync(join(to, 'bin', name), 0o755);
  }
  copyFileSync(join(root, 'deploy/launch.sh'), join(to, 'bin/pilotfish'));
  chmodSync(join(to, 'bin/pilotfish'), 0o755);
}

// What `deploy` checks types with.
const compilerPackages = ['typescript', '@types/node', 'undici-types'];

/** The compiler's library and Node's types, without its other programs and languages. */
function copyCompiler(to) {
  const isNeeded = (path) =>
    !/\/typescript\/(?:bin|lib\/[a-z]{2}(?:-[a-z]+)?$|lib\/_|lib\/tsserver|lib\/typingsInstaller)/i.test(path);
  for (const name of compilerPackages) {
    const from = join(root, 'node_modules', name);
    if (existsSync(from)) cpSync(from, join(to, 'node_modules', name), { recursive: true, filter: isNeeded });
  }
}

/** The packages and all that they depend on, which lie flat beside them. */
function withDependencies(names, found = new Set()) {
  for (const name of names) {
    if (found.has(name)) continue;
    found.add(name);
    const { dependencies } = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'));
    withDependencies(Object.keys(dependencies ?? {}), found);
  }
  return [...found];
}

function copyTree(to) {
  // `node` is a link into this clone, stamps are about its sources, the demo is of a clone, and what begins with a dot is
  // half-built.
  const isOurs = (path) => !/\/dist\/(?:node|stamps|tools\.json|demo\.mjs(?:\.map)?|\.[^/]*)(?:\/|$)/.test(path);
  cpSync(join(root, 'dist'), join(to, 'dist'), { recursive: true, filter: isOurs });
  cpSync(join(root, 'functions'), join(to, 'functions'), { recursive: true });
  for (const name of [...packages, ...withDependencies(examplePackages)]) {
    cpSync(join(root, 'node_modules', name), join(to, 'node_modules', name), { recursive: true, dereference: true });
  }
  copyCompiler(to);
  const { natsServerVersion, nodeVersion } = readTools(root);
  const tools = { node: '../bin/node', nodeVersion, natsServer: '../bin/nats-server', natsServerVersion };
  writeFileSync(join(to, 'dist/tools.json'), `${JSON.stringify(tools, null, 2)}\n`);
  const { name, version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const manifest = {
    name,
    version,
    license,
    private: true,
    type: 'module',
    exports: { './sdk': './dist/sdk.js', './testing': './dist/testing.js' },
  };
  writeFileSync(join(to, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const programs = [
    { name: 'node', version: nodeVersion, path: join(to, 'bin/node') },
    { name: 'nats-server', version: natsServerVersion, path: join(to, 'bin/nats-server') },
  ];
  const bill = billOfMaterials(root, programs, compilerPackages);
  writeFileSync(join(to, 'sbom.cdx.json'), `${JSON.stringify(bill, null, 2)}\n`);
  return version;
}

/** Same files, same bytes: names sorted, times and owners fixed. */
function pack(folder, tarball) {
  const stable = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  const args = [...stable, '-czf', tarball, '-C', dirname(folder), 'pilotfish'];
  const {
    status,
    error,
    stderr: output,
  } = spawnSync('tar', args, { encoding: 'utf8', env: { ...process.env, GZIP: '-n' } });
  if (status !== 0)
    throw new StepError(`tar failed: ${error?.message ?? output}`, 'GNU tar and gzip are needed on PATH');
}

function install(target) {
  const scratch = mkdtempSync(join(target, '.install-'));
  try {
    const fresh = join(scratch, 'pilotfish');
    copyPrograms(fresh);
    const version = copyTree(fresh);
    const tarball = join(target, `pilotfish-${version}-linux-${process.arch}.tar.gz`);
    pack(fresh, join(scratch, 'tarball'));
    renameSync(join(scratch, 'tarball'), tarball);
    // A pilot may run from the old copy: it is moved aside whole, and its open files live until it ends.
    const place = join(target, 'pilotfish');
    if (existsSync(place)) renameSync(place, join(scratch, 'old'));
    renameSync(fresh, place);
    return tarball;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

try {
  const tarball = install(argv[2]);
  stdout.write(`${tarball} ${(statSync(tarball).size / 2 ** 20).toFixed(1)} MiB\n`);
  stderr.write(`install: the command is ${join(dirname(tarball), 'pilotfish/bin/pilotfish')}\n`);
} catch (error) {
  stderr.write(`install: ${error.message}\nnext: ${error.next ?? 'this is a fault of the install itself'}\n`);
  exit(1);
}
