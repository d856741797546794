/** Runs the demo as a process, and proves that it left nothing: no process, no pilot, no run directory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { processesOf } from './pilot.ts';

const root = join(import.meta.dirname, '../..');

export interface DemoRun {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The keys of the JSON, in the order in which they are promised. */
export const demoKeys = [
  'scans',
  'frames',
  'lost',
  'duplicates',
  'slices',
  'shape',
  'centre',
  'seconds',
  'framesPerSecond',
  'psnr',
  'instancesMax',
  'nodesUsed',
  'readySeconds',
  'files',
] as const;

export type DemoJson = Record<(typeof demoKeys)[number], unknown> & {
  readonly files: readonly string[];
  readonly psnr: number | null;
};

/** A home and a folder for slices of its own; its end throws when anything is left of a run. */
export class DemoPlace {
  readonly folder = mkdtempSync(join(tmpdir(), 'pilotfish-demo-'));
  readonly home: string;
  readonly out = join(this.folder, 'out');
  readonly #runDirectories = new Set<string>();

  /** `home`: that of another place, to share it. */
  constructor(home?: string) {
    this.home = home ?? join(this.folder, 'home');
  }

  /** `onText` sees each piece of stderr and may send signals. */
  async run(
    args: readonly string[],
    onText: (text: string, demo: ChildProcess) => void = () => undefined,
  ): Promise<DemoRun> {
    const demo = spawn(process.execPath, [join(root, 'dist/demo.mjs'), '--out', this.out, ...args], {
      cwd: root,
      env: { ...process.env, PILOTFISH_HOME: this.home },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    demo.stderr.setEncoding('utf8').on('data', (piece: string) => {
      this.#remember();
      onText(piece, demo);
    });
    const [stdout, stderr, [code, signal]] = await Promise.all([
      text(demo.stdout),
      text(demo.stderr),
      once(demo, 'close'),
    ]);
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, stdout, stderr };
  }

  /** What a run said on stdout as its last line. */
  json({ stdout }: DemoRun): DemoJson {
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as DemoJson;
  }

  /** Processes that name this place, pilots in its home, run directories of pilots that were seen. */
  leftBehind(): string[] {
    return [
      ...processesOf(this.folder).map((pid) => `process ${pid}`),
      ...namesIn(join(this.home, 'pilots')).map((name) => `pilot ${name}`),
      ...[...this.#runDirectories].filter((path) => existsSync(path)),
    ];
  }

  get runDirectoriesSeen(): number {
    return this.#runDirectories.size;
  }

  #remember(): void {
    for (const pilot of namesIn(join(this.home, 'pilots'))) {
      const nodes = join(this.home, 'pilots', pilot, 'nodes');
      for (const node of namesIn(nodes)) {
        const record = readJson(join(nodes, node, 'launcher.json')) as { runDirectory: string } | undefined;
        if (record) this.#runDirectories.add(record.runDirectory);
      }
    }
  }

  [Symbol.dispose](): void {
    const left = this.leftBehind();
    rmSync(this.folder, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
  }
}

/** Of a directory that may go at any time. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Undefined while the file is not there, or being written. */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
