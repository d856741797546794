/** One run of a source: resolves what was asked for, then lets producers send it, here or on the pilot's nodes. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { EventClient } from '#client';
import { messageOf, nearestName, PlatformError, systemClock } from '#common';
import type {
  FaultOptions,
  ProducerReport,
  RateProfile,
  Source,
  SourceContext,
  SourceReport,
  SourceSettings,
} from '#sources';
import { withSources } from './connection.ts';
import type { CliContext } from './context.ts';
import type { Output } from './output.ts';
import type { SourceFlags } from './source.ts';
import { sourceError } from './source-error.ts';
import { produceOnNodes } from './source-nodes.ts';

/** Each has a connection, and a share of the window of bytes under way. */
const producersMax = 64;
const recordedBytesMax = 64 * 2 ** 20;
const progressMs = 5_000;
/** What is under way is stored within milliseconds, where it can be. */
const interruptedMs = 5_000;

export interface SourceRun {
  readonly source: Source;
  readonly name: string;
  /** Absolute path of a module that does not come with Pilotfish. */
  readonly file: string | undefined;
  readonly settings: SourceSettings;
  readonly rate: RateProfile;
  readonly faults: FaultOptions;
  readonly run: string;
  readonly producers: number;
  readonly count: number | undefined;
  readonly seconds: number | undefined;
}

/** What a study asks for; everything else as the command's own defaults. */
export type SendOptions = Pick<SourceFlags, 'set' | 'rate' | 'producers' | 'on' | 'count' | 'pilot'> & {
  readonly source: string;
};

export async function sendRun(context: CliContext, output: Output, options: SendOptions): Promise<SourceReport> {
  const flags = { lose: 0, double: 0, disorder: 0, faultSeed: 1, ...options };
  return await runSource(context, options.source, flags, output);
}

/** Throws `usage` for what cannot be asked of the source, `not-found` for one that is not there. */
export async function runSource(
  context: CliContext,
  name: string,
  flags: SourceFlags,
  output: Output,
): Promise<SourceReport> {
  const { mergeReports } = await import('#sources');
  const run = await resolveRun(name, flags);
  const reports =
    flags.on === 'nodes'
      ? await produceOnNodes(context, flags, run, output)
      : await produceHere(context, flags, run, output);
  const report = mergeReports(run.run, reports);
  if (report.stored !== report.sent) {
    throw new PlatformError('internal', `${report.sent} messages were sent, but ${report.stored} are stored`);
  }
  return report;
}

async function resolveRun(name: string, flags: SourceFlags): Promise<SourceRun> {
  const { parseRate, resolveSettings, SourceError } = await import('#sources');
  const run = flags.run ?? `r${randomBytes(4).toString('hex')}`;
  if (!/^[A-Za-z0-9_-]{1,48}$/.test(run)) {
    throw new PlatformError('usage', `--run is "${run}"`, { hint: 'Use 1 to 48 letters, digits, "-" and "_".' });
  }
  if (flags.producers > producersMax) {
    throw new PlatformError('usage', `--producers is ${flags.producers}; ${producersMax} are the most`);
  }
  const { source, file } = await findSource(name);
  try {
    return {
      source,
      name,
      file,
      settings: resolveSettings(source, flags.set),
      rate: parseRate(flags.rate, readTimes),
      faults: {
        lose: flags.lose,
        double: flags.double,
        disorder: flags.disorder,
        disorderReach: 8,
        delay: flags.delay?.share ?? 0,
        delayMs: flags.delay?.ms ?? 0,
        seed: flags.faultSeed,
      },
      run,
      producers: flags.producers,
      count: flags.count,
      seconds: flags.for === undefined ? undefined : flags.for / 1_000,
    };
  } catch (error) {
    if (error instanceof SourceError) throw new PlatformError('usage', error.message, { cause: error });
    throw error;
  }
}

function readTimes(path: string): string {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new PlatformError('not-found', `there is no file "${path}" with recorded times`);
  if (size > recordedBytesMax)
    throw new PlatformError('invalid', `"${path}" has ${size} bytes; that is no list of times`);
  return readFileSync(path, 'utf8');
}

/** A name that comes with Pilotfish, or a module's file. */
async function findSource(name: string): Promise<{ source: Source; file: string | undefined }> {
  const { builtInSources, readSource } = await import('#sources');
  const known = Object.hasOwn(builtInSources, name) ? builtInSources[name] : undefined;
  if (known) return { source: known, file: undefined };
  const file = resolve(name);
  if (!/\.(?:ts|mts|js|mjs)$/.test(name) || !existsSync(file)) {
    const near = nearestName(name, Object.keys(builtInSources));
    throw new PlatformError('not-found', `there is no source "${name}"`, {
      hint: near
        ? `Did you mean "${near}"?`
        : `Name one of ${Object.keys(builtInSources).join(', ')}, or the .ts or .js file of a module.`,
    });
  }
  try {
    const module = (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
    return { source: readSource(module.default, name), file };
  } catch (error) {
    throw new PlatformError('invalid', `${name} cannot be used as a source: ${messageOf(error)}`, {
      hint: 'pilotfish init NAME --template source writes one to begin with.',
      cause: error,
    });
  }
}

/** All producers in this process share what the source has made; each has a connection. The first that fails ends the others. */
async function produceHere(
  context: CliContext,
  flags: SourceFlags,
  run: SourceRun,
  output: Output,
): Promise<ProducerReport[]> {
  const source = await openAny(run.source, run.settings, { run: run.run, signal: context.signal });
  const failed = new AbortController();
  const over = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const clients: EventClient[] = [];
  const tell = () => output.note(progressOf(clients));
  const telling = setInterval(tell, progressMs);
  try {
    return await withSources(context, flags.pilot, run.producers, async (several) => {
      clients.push(...several);
      const all = Promise.allSettled(several.map((sink, producer) => one(sink, producer)));
      const ended = await Promise.race([all, afterInterruption(context.signal, over.signal, tell)]);
      return ended.map((end) => {
        if (end.status === 'rejected') throw end.reason;
        return end.value;
      });
    });
  } finally {
    over.abort();
    clearInterval(telling);
    source.close?.();
  }

  async function one(sink: EventClient, producer: number): Promise<ProducerReport> {
    const { produce } = await import('#sources');
    try {
      return await produce({ ...run, source, sink, producer, clock: sourceClock, signal });
    } catch (error) {
      failed.abort(error);
      throw sourceError(error);
    }
  }
}

function progressOf(clients: readonly EventClient[]): string {
  const stored = clients.reduce((sum, { counts }) => sum + counts.acked, 0);
  const isFull = clients.some(({ counts }) => counts.waiting > 0 && counts.sent === counts.acked);
  if (!isFull) return `${stored} stored`;
  return `${stored} stored; the stream is full, and takes more when functions have handled some of it or its time has come`;
}

/** Throws when a run that was interrupted has not ended by itself: the stream has no room for what it still holds. */
async function afterInterruption(interrupted: AbortSignal, over: AbortSignal, tell: () => void): Promise<never> {
  if (!interrupted.aborted) await once(interrupted, 'abort', { signal: over });
  await systemClock.sleep(interruptedMs, over);
  // Whoever interrupts a command sees no error.
  if (!over.aborted) tell();
  throw new PlatformError('unavailable', 'the stream has no room for what is under way');
}

async function openAny(source: Source, settings: SourceSettings, context: SourceContext) {
  try {
    return await source.open(settings, context);
  } catch (error) {
    throw sourceError(error);
  }
}

const sourceClock = {
  now: () => systemClock.monotonic(),
  // With decimals, unlike Date.now(): latencies are measured from it.
  epoch: () => performance.timeOrigin + performance.now(),
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms, signal),
};
