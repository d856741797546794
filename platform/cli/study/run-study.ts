/** Runs the cases of a study that have no figures yet, on pilots of the shapes it names or on one that is up, and writes each down. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { connectPilot } from '#client';
import { messageOf, PlatformError, parseSizeBytes, systemClock, untilAborted } from '#common';
import type { Connection } from '#model';
import { endPilot, readConnection, resolveHome, resolvePilot } from '#pilot';
import type { CliContext } from '../context.ts';
import type { Output } from '../output/output.ts';
import { runUp } from '../pilots/up.ts';
import { expandStudy, type PilotShape, type Study, type StudyCase, shapeName } from './matrix.ts';
import { bundleProcessors, type Processors } from './processors.ts';
import { appendRecord, type CaseRecord, environmentNow, readRecords } from './records.ts';
import { type CaseFigures, runCase } from './run-case.ts';

export const recordsFile = 'results.jsonl';

/** What is stored stays for the duplicate window: a pilot that has taken in this part of its store gives way to a fresh one. */
const storeShareMax = 0.4;

export interface StudyOptions {
  readonly study: Study;
  /** Folder of the study's file. */
  readonly folder: string;
  readonly out: string;
  /** A pilot that is up; left out: the study brings up its own. */
  readonly pilot: string | undefined;
}

export interface StudyProgress {
  readonly ran: number;
  readonly kept: number;
  readonly failed: number;
  readonly left: number;
}

export async function runStudy(context: CliContext, options: StudyOptions, output: Output): Promise<StudyProgress> {
  const file = join(options.out, recordsFile);
  // What failed is tried again.
  const good = readRecords(file).filter(({ outcome }) => outcome === 'ok');
  const known = new Set(good.map(({ id, definition }) => `${id} ${definition}`));
  const all = expandStudy(options.study);
  const waiting = all.filter((one) => !known.has(`${one.id} ${definitionOf(one)}`));
  if (waiting.length < all.length)
    output.note(`${all.length - waiting.length} of ${all.length} cases have figures already`);
  const processors = await bundleProcessors(waiting, options.folder, context.signal);
  const progress = { ran: 0, kept: all.length - waiting.length, failed: 0, left: 0 };
  const shapes = new Map(waiting.map(({ pilot }) => [shapeName(pilot), pilot]));
  for (const [name, shape] of shapes) {
    const cases = waiting.filter(({ pilot }) => shapeName(pilot) === name);
    if (options.pilot !== undefined && !(await fits(context, options.pilot, shape))) {
      output.note(`${cases.length} cases need a pilot of ${name}; this one is another`);
      progress.left += cases.length;
      continue;
    }
    await using pilots = new StudyPilots(context, output, shape, options.pilot);
    for (const one of cases) {
      const figures = await runOne(one, { context, output, processors, pilots });
      const record = recordOf(options.study, one, figures);
      appendRecord(file, record);
      progress.ran++;
      if (record.outcome !== 'ok') progress.failed++;
      output.note(`${progress.kept + progress.ran}/${all.length} ${one.id}: ${caseText(record)}`);
    }
  }
  return progress;
}

/** A case that cannot be run is a finding as well; what the user must correct, and an interruption, end the study. */
async function runOne(
  one: StudyCase,
  { pilots, ...where }: { context: CliContext; output: Output; processors: Processors; pilots: StudyPilots },
): Promise<CaseFigures> {
  const connection = await pilots.current();
  using client = connectPilot(connection);
  const running = runCase(one, { ...where, client, connection });
  const { signal } = where.context;
  try {
    // What an interrupted case leaves goes with the study's own pilot; a pilot that stays is tidied up first.
    const figures = await (pilots.areOwn ? untilAborted(running, signal) : running);
    pilots.took(figures.storedBytes);
    return figures;
  } catch (error) {
    // Ctrl-C reaches processes below this one, too: their failure may be seen before the signal.
    await systemClock.sleep(0);
    signal.throwIfAborted();
    const { code } = PlatformError.from(error);
    if (['usage', 'invalid', 'not-found', 'conflict', 'cancelled'].includes(code)) throw error;
    const none = { messages: 0, messageBytes: 0, lost: 0, deadLetters: 0, storedBytes: 0 };
    return { ...none, outcome: `failed: ${messageOf(error)}`, source: null, startUpMs: null, measured: null };
  }
}

function recordOf(study: Study, one: StudyCase, { storedBytes: _, ...figures }: CaseFigures): CaseRecord {
  const { id, pilot, experiment, size, producers, instances, repeat } = one;
  return {
    id,
    definition: definitionOf(one),
    study: study.name,
    experiment: experiment.name,
    pilot: shapeName(pilot),
    size,
    producers,
    instances,
    repeat,
    startedAt: new Date().toISOString(),
    ...figures,
    environment: environmentNow(),
  };
}

function definitionOf({ pilot, experiment, size }: StudyCase): string {
  const { instances: _, producers: __, repeats: ___, sizes, ...rest } = experiment;
  return createHash('sha256')
    .update(JSON.stringify([pilot, rest, sizes[size]]))
    .digest('hex')
    .slice(0, 12);
}

function caseText({ outcome, measured, source, startUpMs }: CaseRecord): string {
  if (outcome !== 'ok') return outcome;
  if (!measured) return `source ${source?.megabytesPerSecond.toFixed(1)} MB/s`;
  const rate = `${measured.perSecond.toFixed(1)}/s, ${measured.megabytesPerSecond.toFixed(1)} MB/s`;
  return `${rate}, p50 ${measured.latencyMs.p50} ms, ready in ${Math.round(startUpMs ?? 0)} ms`;
}

async function fits(context: CliContext, pilot: string, shape: PilotShape): Promise<boolean> {
  const connection = readConnection(resolvePilot(resolveHome(context.env), pilot));
  using client = connectPilot(connection);
  return (await client.nodes()).length === shape.nodes && connection.brokers.length === shape.brokers;
}

/** The pilot that cases run on, replaced when its store has taken in much of what it can. */
class StudyPilots implements AsyncDisposable {
  readonly #context: CliContext;
  readonly #output: Output;
  readonly #shape: PilotShape;
  readonly #given: string | undefined;
  #own: { readonly connection: Connection; readonly directory: string } | undefined;
  #bytes = 0;

  constructor(context: CliContext, output: Output, shape: PilotShape, given: string | undefined) {
    this.#context = context;
    this.#output = output;
    this.#shape = shape;
    this.#given = given;
  }

  get areOwn(): boolean {
    return this.#given === undefined;
  }

  async current(): Promise<Connection> {
    if (this.#given !== undefined) return readConnection(resolvePilot(resolveHome(this.#context.env), this.#given));
    if (this.#own && this.#bytes > storeShareMax * parseSizeBytes(this.#shape.storeSize)) await this.#end();
    this.#own ??= await this.#start();
    return this.#own.connection;
  }

  took(bytes: number): void {
    this.#bytes += bytes;
  }

  async #start() {
    const { resource, nodes, coresPerNode, brokers, storeSize } = this.#shape;
    if (!/^local(?::|$)/.test(resource)) {
      throw new PlatformError('usage', `the study names ${resource}, where a pilot may have to wait for hours`, {
        hint: `Bring one up: pilotfish up --resource ${resource} --nodes ${nodes}; then give it with --pilot.`,
      });
    }
    const storeBytes = parseSizeBytes(storeSize);
    const flags = { resource, nodes, coresPerNode, brokers, storeSize: storeBytes, endsWithUs: true } as const;
    this.#bytes = 0;
    return await runUp(this.#context, flags, this.#output);
  }

  async #end(): Promise<void> {
    const own = this.#own;
    this.#own = undefined;
    // Nothing of an interrupted case is worth a grace.
    if (own) await endPilot(own.directory, { hasten: this.#context.signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}
