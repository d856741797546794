/** What the examples in the help texts speak of, on a real pilot: functions, files, calls, letters, nodes of those names. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { deployFolder, FunctionFolder } from './functions.ts';
import { cliScript, TestPilot } from './pilot.ts';

const root = join(import.meta.dirname, '../..');

export interface ShownExample {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `gridrec` of the examples: computes nothing, but can refuse an event and be waited for. */
const gridrec = `(event, ctx) => {
  if (event.text() === 'bad') throw new Reject('not a slice');
  if (event.text() !== 'wait') return 'a slice';
  return new Promise((resolve) => ctx.signal.addEventListener('abort', () => resolve('stopped')));
}`;

export class ExampleScene {
  readonly pilot: TestPilot;
  /** Where the examples run: what a reader would have in his folder. */
  readonly cwd = mkdtempSync(join(tmpdir(), 'pilotfish-examples-'));
  readonly #functions = new FunctionFolder();
  #echoes = 0;

  private constructor(pilot: TestPilot) {
    this.pilot = pilot;
  }

  static async create(): Promise<ExampleScene> {
    const scene = new ExampleScene(await TestPilot.start({ nodes: 3, coresPerNode: 4 }));
    try {
      scene.#writeFiles();
      await scene.#deployFunctions();
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
    return scene;
  }

  #writeFiles(): void {
    const bin = join(this.cwd, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'pilotfish'), `#!/bin/sh\nexec '${process.execPath}' '${cliScript}' "$@"\n`);
    chmodSync(join(bin, 'pilotfish'), 0o700);
    for (const name of ['functions', 'node_modules', 'package.json'])
      symlinkSync(join(root, name), join(this.cwd, name));
    for (const name of ['S.npy', 'T.npy', 'scan.bin', 'frame.bin'])
      writeFileSync(join(this.cwd, name), Buffer.alloc(64, 1));
    writeFileSync(join(this.cwd, 'in.json'), '{}');
    writeFileSync(join(this.cwd, 'token.txt'), 'secret');
    writeFileSync(join(this.cwd, 'pilotfish.yaml'), 'functions:\n  counter:\n    entry: counter.ts\n');
    writeFileSync(join(this.cwd, 'counter.ts'), 'export default { handle: () => "1" };\n');
  }

  async #deployFunctions(): Promise<void> {
    const { pilot } = this;
    await this.#functions.deploy(pilot, 'gridrec', gridrec, ['on: [{ subject: "slices.*" }]']);
    await this.#functions.deploy(pilot, 'preview', '() => ["one", "two"]', []);
    await this.#functions.deploy(pilot, 'nightly', '() => "night"', [
      'on: [{ name: clock, cron: { schedule: "30 2 * * *" } }]',
    ]);
    for (let n = 0; n < 4; n++) await this.deployEcho();
  }

  /** Another version of `echo`, as the canary where that is wanted. */
  async deployEcho(canary = false): Promise<void> {
    const handler = `(event, ctx) => { ctx.log.info('version ${++this.#echoes}'); return event.data; }`;
    const folder = this.#functions.write('echo', `export default { handle: ${handler} };\n`, [
      'on: [{ subject: "numbers.*" }]',
      'output: "echoed.{1}"',
    ]);
    if (canary) await this.#cli(['deploy', folder, '--canary', '50', '--skip-types']);
    else await deployFolder(this.pilot, folder);
  }

  /** The id of a call of `gridrec` that has ended, or of one that goes on until it is cancelled. */
  async call(body: 'slice' | 'wait'): Promise<string> {
    return await this.#cli(['invoke', 'gridrec', '-d', body, '--async', '-o', 'name']);
  }

  /** Two dead letters of `gridrec`; returns the sequences of all that are there. */
  async letters(): Promise<string[]> {
    for (let n = 0; n < 2; n++) await this.#cli(['pub', 'slices.1', '-d', 'bad']);
    return await eventually(
      async () => {
        const letters = (await this.#cli(['dlq', 'list', 'gridrec', '-o', 'name'])).split('\n');
        return letters.length >= 2 ? letters : undefined;
      },
      { what: 'two dead letters of gridrec', timeoutMs: 30_000 },
    );
  }

  async token(): Promise<string> {
    return await this.#cli([
      'auth',
      'token',
      'create',
      '--role',
      'view',
      '--out',
      join(this.cwd, 'token.json'),
      '-o',
      'name',
    ]);
  }

  async stableEcho(): Promise<void> {
    await this.#cli(['alias', 'set', 'echo', 'stable', '2']);
  }

  async secret(): Promise<void> {
    await this.#cli(['secret', 'set', 'API_TOKEN'], 'value');
  }

  async numbers(): Promise<void> {
    await this.#cli(['pub', 'numbers.1', '-d', 'hi', '--count', '10']);
  }

  /** Another pilot beside it, for an example that ends one. */
  async another(): Promise<string> {
    return (await this.#cli(['up'])).split('\n').at(-1) ?? '';
  }

  /** Bounds that change all the time, until the signal ends it: something for `top` to tell. */
  async keepDeciding(signal: AbortSignal): Promise<void> {
    for (let min = 1; !signal.aborted; min = 1 - min)
      await this.#cli(['scale', 'set', 'gridrec', '--min', String(min)]);
  }

  async #cli(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.pilot.cli(args, input);
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}:\n${stderr}`);
    return stdout.trim();
  }

  /** One line, in a shell. With `untilShown`, it is interrupted as by Ctrl-C once it has said something. */
  run(line: string, untilShown: boolean): Promise<ShownExample> {
    const shell = spawn('bash', ['-c', untilShown ? `exec ${line}` : line], {
      cwd: this.cwd,
      env: {
        ...process.env,
        PATH: `${join(this.cwd, 'bin')}:${process.env['PATH']}`,
        PILOTFISH_HOME: this.pilot.home,
        PILOTFISH_PILOT: this.pilot.id,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const shown = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      shell[name].setEncoding('utf8').on('data', (text: string) => {
        shown[name] += text;
        if (untilShown) shell.kill('SIGINT');
      });
    }
    return new Promise((resolve) => shell.once('close', (code) => resolve({ code, ...shown })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // An example may have ended it.
    if (existsSync(this.pilot.directory)) await this.pilot[Symbol.asyncDispose]();
    else this.pilot.client.close();
    rmSync(this.pilot.home, { recursive: true, force: true });
    this.#functions[Symbol.dispose]();
    rmSync(this.cwd, { recursive: true, force: true });
  }
}
