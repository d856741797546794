/** One case on a running pilot: deploy the function with so many instances, send, watch what the stream stores, take it down. */
import { streams } from '#broker';
import { connectEvents, type EventClient, type PilotClient } from '#client';
import { formatCount, PlatformError, systemClock } from '#common';
import type { Connection } from '#model';
import type { CliContext } from '../context.ts';
import type { Output } from '../output/output.ts';
import { sendRun } from '../sources/source-run.ts';
import type { StudyCase } from './matrix.ts';
import { type InputSeen, type Measured, measure, type ResultSeen } from './measure.ts';
import { type Processors, processorOf } from './processors.ts';
import type { CaseRecord } from './records.ts';

/** Without a new result for so long, a case is given up; a slow reconstruction takes some seconds. */
const stallMs = 60_000;
const readyMs = 60_000;
const eventResult = new RegExp(`\\.${streams.events}\\.(\\d+)\\.\\d+$`);

export interface CaseContext {
  readonly context: CliContext;
  readonly output: Output;
  readonly client: PilotClient;
  readonly connection: Connection;
  readonly processors: Processors;
}

export type CaseFigures = Pick<
  CaseRecord,
  'outcome' | 'messages' | 'messageBytes' | 'lost' | 'deadLetters' | 'source' | 'startUpMs' | 'measured'
> & { readonly storedBytes: number };

export async function runCase(one: StudyCase, where: CaseContext): Promise<CaseFigures> {
  const { experiment, producers, instances } = one;
  const { client, connection, context } = where;
  const deployed = await deployProcessor(one, where);
  const watch = await CaseWatch.start(connection, deployed?.name);
  try {
    const settings = Object.entries({ ...experiment.settings, ...experiment.sizes[one.size] });
    const report = await sendRun(where.context, where.output, {
      source: experiment.source,
      set: settings.map(([name, value]) => `${name}=${value}`),
      rate: experiment.rate,
      producers,
      on: experiment.producersOn,
      count: experiment.messages + experiment.warmUp,
      pilot: connection.pilot,
    });
    if (deployed) await watch.untilHandled(report.stored, client, deployed.name, context.signal);
    const deadLetters = deployed ? await countDeadLetters(client, deployed.name) : 0;
    const measured: Measured | undefined = measure(watch.inputs, watch.results, {
      warmUp: experiment.warmUp,
      instances,
    });
    const handled = new Set(watch.results.map(({ sequence }) => sequence)).size;
    const lost = deployed ? report.stored - handled - deadLetters : 0;
    return {
      outcome: outcomeOf(deployed !== undefined, measured, lost),
      messages: report.stored,
      messageBytes: report.stored === 0 ? 0 : report.bytes / report.stored,
      lost,
      deadLetters,
      source: {
        perSecond: report.messagesPerSecond,
        megabytesPerSecond: report.megabytesPerSecond,
        seconds: report.seconds,
      },
      startUpMs: deployed?.startUpMs ?? null,
      measured: deployed && measured ? measured : null,
      storedBytes: watch.storedBytes,
    };
  } finally {
    await watch.close();
    if (deployed) await removeProcessor(client, deployed.name, context.signal);
  }
}

function outcomeOf(processed: boolean, measured: Measured | undefined, lost: number): string {
  if (!processed) return 'ok';
  if (lost > 0) return `stalled: ${formatCount(lost, 'event')} without a result`;
  return measured ? 'ok' : 'too few messages to measure: raise `messages`';
}

async function deployProcessor(
  one: StudyCase,
  { client, processors, context }: CaseContext,
): Promise<{ readonly name: string; readonly startUpMs: number } | undefined> {
  const bundle = await processorOf(one, processors);
  if (!bundle) return undefined;
  const { name } = bundle.spec;
  const started = systemClock.monotonic();
  await client.deploy(bundle);
  try {
    await untilReady(client, name, one.instances, context.signal);
  } catch (error) {
    await removeProcessor(client, name, context.signal);
    throw error;
  }
  return { name, startUpMs: systemClock.monotonic() - started };
}

async function untilReady(client: PilotClient, name: string, instances: number, signal: AbortSignal): Promise<void> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(readyMs)]);
  try {
    for await (const { functions } of client.watch(late)) {
      const summary = functions.find((candidate) => candidate.name === name);
      if (summary && summary.instancesReady >= instances) return;
    }
  } catch (error) {
    if (!late.aborted) throw error;
  }
  signal.throwIfAborted();
  throw new PlatformError(
    'no-capacity',
    `${instances} instances of ${name} were not ready within ${readyMs / 1_000} s`,
    {
      hint: 'Each takes the slots that its manifest says; raise coresPerNode or nodes of the pilot.',
    },
  );
}

/** The next case must not share slots with instances of this one. After an interruption none comes, and a busy one may take minutes. */
async function removeProcessor(client: PilotClient, name: string, signal: AbortSignal): Promise<void> {
  await client.remove(name);
  if (signal.aborted) return;
  const late = AbortSignal.any([signal, AbortSignal.timeout(readyMs)]);
  try {
    for await (const { nodes } of client.watch(late)) {
      if (!nodes.some((node) => node.instances.some((instance) => instance.function === name))) return;
    }
  } catch (error) {
    if (!late.aborted) throw error;
  }
}

async function countDeadLetters(client: PilotClient, name: string): Promise<number> {
  let count = 0;
  for await (const _ of client.deadLetters(name)) count++;
  return count;
}

/** Reads the headers of all that is stored from now on: messages of the source, and results of the function by their ids. */
class CaseWatch {
  readonly inputs: InputSeen[] = [];
  readonly results: ResultSeen[] = [];
  storedBytes = 0;
  #lastResultAt = systemClock.monotonic();
  readonly #handled = new Set<number>();
  readonly #events: EventClient;
  readonly #stop = new AbortController();
  #reading: Promise<void> = Promise.resolve();

  private constructor(events: EventClient) {
    this.#events = events;
  }

  static async start(connection: Connection, functionName: string | undefined): Promise<CaseWatch> {
    const watch = new CaseWatch(await connectEvents(connection, 'viewer'));
    const events = await watch.#events.read('>', { headersOnly: true, signal: watch.#stop.signal });
    watch.#reading = watch.#read(events, functionName).catch(() => undefined);
    return watch;
  }

  async #read(events: Awaited<ReturnType<EventClient['read']>>, functionName: string | undefined): Promise<void> {
    for await (const { id, sequence, time, bytes, headers } of events) {
      this.storedBytes += bytes;
      const atMs = time.getTime();
      // A result's id: function, trigger, stream, sequence of its event, index of the output (R3). What a window or a gather came to has the
      // sequence of another stream, and is no message's result.
      const isOwn = functionName !== undefined && id.startsWith(`${functionName}.`);
      const origin = isOwn ? eventResult.exec(id) : null;
      if (origin) {
        const took = headers['Pilotfish-Took'];
        this.results.push({ sequence: Number(origin[1]), atMs, tookMs: took === undefined ? undefined : Number(took) });
        this.#handled.add(Number(origin[1]));
        this.#lastResultAt = systemClock.monotonic();
      } else if (headers['Pilotfish-Producer'] !== undefined) this.inputs.push({ sequence, atMs, bytes });
    }
  }

  /** Resolves when every message has a result or a dead letter, or when nothing has come for a while. */
  async untilHandled(messages: number, client: PilotClient, name: string, signal: AbortSignal): Promise<void> {
    this.#lastResultAt = systemClock.monotonic();
    while (systemClock.monotonic() - this.#lastResultAt < stallMs) {
      signal.throwIfAborted();
      if (this.#handled.size >= messages) return;
      const quiet = systemClock.monotonic() - this.#lastResultAt > 2_000;
      if (quiet && this.#handled.size + (await countDeadLetters(client, name)) >= messages) return;
      await systemClock.sleep(50, signal);
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#reading;
    await this.#events.close();
  }
}
