/** One run of a source: lets producers send it, here or on the pilot's nodes. */
import { once } from 'node:events';
import type { EventClient } from '#client';
import { PlatformError, systemClock } from '#common';
import type { ProducerReport, Source, SourceContext, SourceReport, SourceSettings } from '#sources';
import { withSources } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { countText, type Output } from '../output/output.ts';
import { sourceError } from './source-error.ts';
import { produceOnNodes } from './source-nodes.ts';
import { planRun, type SourceFlags, type SourceRun } from './source-plan.ts';
import { storedText } from './stored-text.ts';

/** What is under way is stored within milliseconds, where it can be. */
const interruptedMs = 5_000;

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
  const run = await planRun(name, flags);
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
  using _ = output.waiting(() => progressOf(clients));
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
  return storedText(countText(stored), clients);
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
