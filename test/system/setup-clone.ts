/** A small clone for set-up tests: the real deploy/ scripts in a temporary project, with fake programs on its PATH. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const projectRoot = join(import.meta.dirname, '../..');

export interface SetupRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class SetupClone implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), 'pilotfish-setup-'));
  readonly cache = join(this.root, 'cache');
  readonly bin = join(this.root, 'fake-bin');
  readonly #running = new Set<ChildProcess>();

  constructor() {
    cpSync(join(projectRoot, 'deploy'), join(this.root, 'deploy'), { recursive: true });
    mkdirSync(this.bin);
  }

  /** Writes an executable; `body` is a shell script that may use the system's programs. Returns its path. */
  program(path: string, body: string): string {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\nPATH=/usr/bin:/bin\n${body}\n`);
    chmodSync(file, 0o755);
    return file;
  }

  /** A program that only answers `--version`. */
  natsServer(path: string, version: string): string {
    return this.program(path, `echo "nats-server: v${version}"`);
  }

  /** Only the fake programs are on PATH: no test reaches a network. */
  start(steps: string, env: Record<string, string> = {}): { done: Promise<SetupRun>; child: ChildProcess } {
    const child = spawn(process.execPath, [join(this.root, 'deploy/setup.mjs'), '--steps', steps], {
      cwd: tmpdir(),
      env: { PATH: this.bin, PILOTFISH_CACHE: this.cache, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#running.add(child);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const done = new Promise<SetupRun>((resolve) => {
      child.once('close', (code) => {
        this.#running.delete(child);
        resolve({ code, stdout, stderr });
      });
    });
    return { done, child };
  }

  run(steps: string, env: Record<string, string> = {}): Promise<SetupRun> {
    return this.start(steps, env).done;
  }

  tools(): Record<string, string> {
    return JSON.parse(readFileSync(join(this.root, 'dist/tools.json'), 'utf8')) as Record<string, string>;
  }

  /** Lines that fake programs noted of their calls. */
  calls(): string[] {
    const file = join(this.root, 'calls');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#running) child.kill('SIGKILL');
    rmSync(this.root, { recursive: true, force: true });
    return Promise.resolve();
  }
}
