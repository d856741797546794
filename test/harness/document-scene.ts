/** A folder as the reader of a document has one: the clone's files, a `pilotfish` on PATH, a home of its own, Python with numpy. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cliScript, runCli } from './pilot.ts';

const root = join(import.meta.dirname, '../..');
const ofClone = ['deploy', 'dist', 'functions', 'node_modules', 'platform', 'proto', 'package.json'];
const runMs = 380_000;
const packages = ['nats-py[nkeys]==2.16.0', 'numpy'];

export class DocumentScene {
  readonly folder: string;
  readonly #home: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.#home = join(folder, 'home');
  }

  static create(): DocumentScene {
    const scene = new DocumentScene(mkdtempSync(join(tmpdir(), 'pilotfish-documents-')));
    const command = scene.file('bin/pilotfish', `#!/bin/sh\nexec '${process.execPath}' '${cliScript}' "$@"\n`);
    chmodSync(command, 0o700);
    mkdirSync(join(scene.folder, 'out'));
    for (const name of ofClone) symlinkSync(join(root, name), join(scene.folder, name));
    return scene;
  }

  /** Writes a file that a document speaks of; returns its path. */
  file(name: string, data: string | Uint8Array): string {
    const path = join(this.folder, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, data);
    return path;
  }

  /** What `pip install` of the documents brings, first on PATH from then on. Rejects where pip has no registry. */
  async installPython(): Promise<void> {
    const run = promisify(execFile);
    const place = join(this.folder, 'python');
    await run('python3', ['-m', 'venv', place], { timeout: runMs });
    await run(join(place, 'bin/pip'), ['install', '--quiet', ...packages], { timeout: runMs });
  }

  /** Everything in one shell that stops at the first failure; what it has said on stdout. */
  run(...commands: readonly string[]): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const path = ['bin', 'python/bin'].map((name) => join(this.folder, name));
    const env = {
      ...process.env,
      PATH: `${path.join(':')}:${process.env['PATH']}`,
      PILOTFISH_HOME: this.#home,
      PYTHONPATH: join(root, 'platform/client/python'),
      PYTHONDONTWRITEBYTECODE: '1',
    };
    const script = ['set -euxo pipefail', ...commands].join('\n');
    // With a socket for its input bash takes itself for a login from afar and reads ~/.bashrc, which may put another Python first.
    execFile('bash', ['--norc', '-c', script], { cwd: this.folder, env, timeout: runMs }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${stdout}\n${stderr}`, { cause: error }));
      else resolve(stdout);
    });
    return promise;
  }

  async downAll(): Promise<void> {
    await runCli(['down', '--all'], { PILOTFISH_HOME: this.#home });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.downAll();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const goesOnMs = 10_000;

/** Lines that go on until Ctrl-C are given it after a while; ending by it is fine. */
export function interrupted(block: string, goesOn: RegExp): string {
  const seconds = goesOnMs / 1_000;
  return block.replaceAll(goesOn, (line) => `timeout -s INT ${seconds} ${line.trimEnd()} || [ $? = 124 ] `);
}

/** A function of that name which gives back its event, deployed, for pages that speak of one. */
export function deployed(name: string, on = ''): string {
  return [
    `mkdir -p out/${name}`,
    `printf '%s' "export default { handle: (event) => event.data };" > out/${name}/${name}.ts`,
    `printf 'functions: { ${name}: { entry: ${name}.ts, ${on} } }' > out/${name}/pilotfish.yaml`,
    `pilotfish deploy out/${name} --skip-types`,
  ].join('\n');
}
