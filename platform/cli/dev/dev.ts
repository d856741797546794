/**
 * `pilotfish dev PATH`: a pilot on this machine and a loop around the editor. Each edit becomes a new version at once;
 * while it does not build, the last one serves. What tsc says comes after, from a process of its own.
 */
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Bundle } from '#bundle';
import type { PilotClient } from '#client';
import { formatDuration, PlatformError, untilAborted } from '#common';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf } from '../command.ts';
import { withPilot } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { LoadCheck } from '../functions/load-check.ts';
import { lineRecord, lineText } from '../functions/logs.ts';
import type { Output } from '../output/output.ts';

interface DevFlags extends CommonOptions {
  readonly skipTypes?: true;
}

/** A pilot that ends with the command needs no more of the disk. */
const storeBytes = 256 * 2 ** 20;

export const devCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'dev',
    summary: 'a local pilot that follows your edits: each save is a new version',
    examples: ['pilotfish dev', 'pilotfish dev functions/echo', 'pilotfish dev --pilot p-7k2m --skip-types'],
  })
    .argument('[path]', 'a folder with a pilotfish.yaml or one function, or a file', '.')
    .addOption(flag('--skip-types', 'do not look for type errors after an edit'))
    .action((path: string, flags: DevFlags) => dev(context, path, flags));

/** Goes on until it is interrupted. Without `--pilot` it brings one up, and takes it down again. */
async function dev(context: CliContext, path: string, flags: DevFlags): Promise<void> {
  const output = outputOf(context, flags);
  const { readProject } = await import('#bundle');
  // A path that holds no function is told before a pilot is brought up for it.
  readProject(path);
  if (flags.pilot !== undefined) return follow({ context, output, path, flags }, flags.pilot);
  const { runUp } = await import('../pilots/up.ts');
  const own = { resource: 'local://', nodes: 1, storeSize: storeBytes, endsWithUs: true } as const;
  const { pilot, directory } = await runUp(context, own, output);
  try {
    output.note(`pilot ${pilot}: try \`pilotfish --help\` in another terminal; Ctrl-C ends it`);
    await follow({ context, output, path, flags }, pilot);
  } finally {
    const { endPilot } = await import('#pilot');
    await endPilot(directory, { hasten: context.signal });
    output.note(`pilot ${pilot} ended`);
  }
}

interface Session {
  readonly context: CliContext;
  readonly output: Output;
  readonly path: string;
  readonly flags: DevFlags;
}

async function follow(session: Session, pilotId: string): Promise<void> {
  const { context, path } = session;
  await withPilot(context, pilotId, async (pilot) => {
    await using rounds = new Rounds(session, pilot);
    const folder = statSync(path).isDirectory() ? resolve(path) : dirname(resolve(path));
    const { watchFolder } = await import('./watch-folder.ts');
    // Watched before the first round: an edit during it is not missed.
    await using edits = await watchFolder(folder, context.signal);
    await rounds.run(performance.now(), 'the start');
    for (let edit = await edits.next(); edit !== undefined; edit = await edits.next())
      await rounds.run(edit, 'the edit');
  });
}

/** One edit after the other: what it changed, who serves, what tsc says. */
class Rounds implements AsyncDisposable {
  readonly #session: Session;
  readonly #pilot: PilotClient;
  readonly #followed = new Set<string>();
  readonly #loads: LoadCheck;
  #stopTypes: () => void = () => undefined;

  constructor(session: Session, pilot: PilotClient) {
    this.#session = session;
    this.#loads = new LoadCheck(session.context.signal);
    this.#pilot = pilot;
  }

  async run(since: number, what: string): Promise<void> {
    const { context, output } = this.#session;
    this.#stopTypes();
    try {
      for (const bundle of await untilAborted(this.#bundle(), context.signal)) {
        const { version, change } = await this.#pilot.deploy(bundle);
        this.#followLog(bundle.spec.name);
        if (change === 'unchanged') continue;
        const age = formatDuration(performance.now() - since);
        output.note(`version ${version?.number} serves, ${age} after ${what}`, {
          style: 'green',
          word: bundle.spec.name,
        });
      }
      this.#checkTypes();
    } catch (thrown) {
      if (context.signal.aborted) return;
      const { message, hint } = PlatformError.from(thrown);
      output.note(message, { style: 'red', word: 'error:' });
      if (hint) output.note(hint);
      output.note('what was deployed before still serves');
    }
    this.#loads.prepare();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loads[Symbol.asyncDispose]();
  }

  /** Throws `invalid` for the first function that cannot be bundled or is none. */
  async #bundle(): Promise<readonly Bundle[]> {
    const { output, path } = this.#session;
    const { bundleFunction, readProject } = await import('#bundle');
    const loaded = await Promise.all(
      readProject(path).functions.map(async (one) => ({ bundle: await bundleFunction(one), entry: one.entry })),
    );
    const bundles = loaded.map(({ bundle }) => bundle);
    for (const { warnings } of bundles) for (const warning of warnings) output.note(`warning: ${warning}`);
    for (const note of await this.#loads.requireFunctions(loaded)) output.note(`note: ${note}`);
    return bundles;
  }

  #followLog(name: string): void {
    if (this.#followed.has(name)) return;
    this.#followed.add(name);
    void this.#printLog(name).catch((thrown: unknown) => {
      const { context, output } = this.#session;
      if (!context.signal.aborted) output.note(`the log of ${name} ended: ${PlatformError.from(thrown).message}`);
    });
  }

  async #printLog(name: string): Promise<void> {
    const { context, output } = this.#session;
    const options = { follow: true, sinceMs: Date.now(), signal: context.signal };
    for await (const line of this.#pilot.logs(name, options))
      output.entry(lineRecord(line), `${name}  ${lineText(line)}`);
  }

  /** tsc takes a second or more, and would keep this process from the next edit. */
  #checkTypes(): void {
    const { context, output, path, flags } = this.#session;
    if (flags.skipTypes) return;
    const stop = new AbortController();
    this.#stopTypes = () => stop.abort();
    const options = { signal: AbortSignal.any([stop.signal, context.signal]), env: context.env as NodeJS.ProcessEnv };
    execFile(process.execPath, [cliScript(), 'build', path, '-o', 'json'], options, (error, _, stderr) => {
      if (!error || options.signal.aborted) return;
      const problem = `${stderr.trim().split('\n').at(-1)}`;
      output.note(messageOfJson(problem), { style: 'yellow', word: 'types:' });
    });
  }
}

/** The command line's own bundle, or where it goes when this runs from source. */
function cliScript(): string {
  const source = extname(import.meta.filename) === '.ts';
  return join(source ? join(import.meta.dirname, '..', '..', '..', 'dist') : import.meta.dirname, 'cli.mjs');
}

function messageOfJson(line: string): string {
  try {
    return (JSON.parse(line) as { error: { message: string } }).error.message;
  } catch {
    return line;
  }
}
