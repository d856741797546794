/** What a run of a source is asked for, and what that means. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf, nearestName, PlatformError } from '#common';
import type { FaultOptions, RateProfile, Source, SourceSettings } from '#sources';
import type { CommonOptions } from '../command.ts';

/** Each has a connection, and a share of the window of bytes under way. */
const producersMax = 64;
const recordedBytesMax = 64 * 2 ** 20;

export interface SourceFlags extends CommonOptions {
  readonly set: readonly string[];
  readonly rate: string;
  readonly producers: number;
  readonly on: 'here' | 'nodes';
  readonly count?: number;
  readonly for?: number;
  readonly lose: number;
  readonly double: number;
  readonly disorder: number;
  readonly delay?: { readonly share: number; readonly ms: number };
  readonly faultSeed: number;
  readonly run?: string;
}

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

/** Throws `usage` for what cannot be asked of the source, `not-found` for one that is not there. */
export async function planRun(name: string, flags: SourceFlags): Promise<SourceRun> {
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
