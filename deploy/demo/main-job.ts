/** The main job on a running pilot: deploy, replay, wait for every slice. */
import { join } from 'node:path';
import { bundleFunction, readProject } from '#bundle';
import { connectEvents, type PilotClient } from '#client';
import { PlatformError, systemClock } from '#common';
import type { Connection } from '#model';
import { type ReplayReport, replayScans } from '../../functions/sources/index.ts';
import { FleetWatch } from './fleet-watch.ts';
import type { DemoInput } from './inputs.ts';
import { Observer, type SeenSlice } from './observer.ts';
import type { DemoOptions } from './options.ts';
import { SliceWriter } from './slices.ts';

export interface MainJobContext {
  readonly options: DemoOptions;
  readonly inputs: readonly DemoInput[];
  readonly client: PilotClient;
  readonly connection: Connection;
  /** Folder with the example functions. */
  readonly functions: string;
  readonly signal: AbortSignal;
  readonly note: (line: string) => void;
}

export interface MainJob {
  readonly frames: number;
  readonly lost: readonly string[];
  readonly duplicates: number;
  readonly seconds: number;
  readonly writer: SliceWriter;
  readonly watch: FleetWatch;
}

/** Without a further slice; the slowest step is one chunk's reconstruction. */
const sliceWaitMs = 120_000;
/** The frames' traces have a reader of their own, which may be behind that of the slices. */
const tracesWaitMs = 20_000;
/** Chunks a node has to itself at the least, so that every node gets some. */
const chunkRowsMax = 4;
/** Instances boot in milliseconds; a machine that is busy otherwise takes seconds. */
const readyWaitMs = 10_000;
const explainingLines = 5;

export async function runMainJob(context: MainJobContext): Promise<MainJob> {
  const { options, inputs, client, connection, signal, note } = context;
  await deployFunctions(context);
  const wanted = inputs.reduce((sum, { scan }) => sum + scan.metadata.rows, 0);
  const writer = new SliceWriter(options.out, inputs, options.input !== undefined);
  const complete = Promise.withResolvers<void>();
  // Told to whoever waits below; the replay may fail first.
  complete.promise.catch(() => undefined);
  let lastSliceAt = performance.now();
  const onSlice = (slice: SeenSlice) => {
    const { scan, row, node } = writer.write(slice);
    lastSliceAt = performance.now();
    note(`slice ${scan}/${row} from ${node} (${writer.records.length}/${wanted})`);
    if (writer.records.length === wanted) complete.resolve();
  };
  const observer = await Observer.start(connection, onSlice, complete.reject);
  const watch = new FleetWatch(client, 'gridrec');
  try {
    const { ids, replayed, firstAt } = await replay(context);
    note(`${replayed.frames} frames sent in ${replayed.seconds.toFixed(1)} s`);
    const sentAt = performance.now();
    const state = () => ({
      lastSliceAt: Math.max(lastSliceAt, sentAt),
      text: `${writer.records.length} of ${wanted} slices are there`,
    });
    await untilComplete(complete.promise, context, state);
    const seconds = (lastSliceAt - firstAt) / 1_000;
    await observer.waitForTraces(ids, tracesWaitMs, signal);
    return {
      frames: replayed.frames,
      lost: observer.lost(ids),
      duplicates: observer.duplicates,
      seconds,
      writer,
      watch,
    };
  } finally {
    await observer.close();
    await watch.close();
  }
}

async function replay({
  options,
  inputs,
  connection,
  signal,
}: MainJobContext): Promise<{ ids: string[]; replayed: ReplayReport; firstAt: number }> {
  await using source = await connectEvents(connection, 'source');
  const ids: string[] = [];
  const firstAt = performance.now();
  const replayed = await replayScans(
    inputs.map(({ scan }) => scan),
    {
      rate: options.rate,
      clock: { now: () => systemClock.monotonic(), sleep: (ms, abort) => systemClock.sleep(ms, abort) },
      signal,
      subjectOf: (scan) => `scan.${scan}.frame`,
      publish: ({ subject, data, headers, id }) => {
        ids.push(id);
        return source.publish(subject, data, { headers, id });
      },
    },
  );
  await source.flush();
  return { ids, replayed, firstAt };
}

/** The example functions as they are shipped, with this run's parameters. */
async function deployFunctions({ options, inputs, client, functions, signal, note }: MainJobContext): Promise<void> {
  const rows = inputs[0]?.scan.metadata.rows ?? 1;
  // A scan of few rows is cut finer, so that no node stands idle.
  const rowsPerChunk = Math.max(1, Math.min(chunkRowsMax, Math.ceil(rows / (2 * options.nodes))));
  const parameters: Record<string, Record<string, unknown>> = {
    split: { rowsPerChunk },
    gridrec: {
      mode: options.mode,
      filter: options.filter,
      ...(options.centre === undefined ? {} : { centre: options.centre }),
    },
  };
  for (const [name, config] of Object.entries(parameters)) {
    const project = await readProject(join(functions, name));
    for (const one of project.functions) {
      const { spec } = one;
      const merged = { ...(JSON.parse(spec.configJson || '{}') as Record<string, unknown>), ...config };
      // One instance a node from the start: a scan of a few small slices is done before a second one could be wanted.
      const scale = spec.name === 'gridrec' && spec.scale ? { ...spec.scale, min: options.nodes } : spec.scale;
      const { change, version } = await client.deploy(
        await bundleFunction({ ...one, spec: { ...spec, scale, configJson: JSON.stringify(merged) } }),
      );
      note(`${spec.name}: ${change}, version ${version?.number ?? 0}`);
    }
  }
  await untilReady(client, 'gridrec', options.nodes, signal);
}

/** Resolves when so many instances are ready; what is too slow for the demo goes on without them. */
async function untilReady(client: PilotClient, name: string, instances: number, signal: AbortSignal): Promise<void> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(readyWaitMs)]);
  for await (const { functions } of client.watch(late)) {
    const summary = functions.find((candidate) => candidate.name === name);
    if (summary && summary.instancesReady >= instances) return;
  }
  signal.throwIfAborted();
}

async function untilComplete(
  complete: Promise<void>,
  context: MainJobContext,
  state: () => { readonly lastSliceAt: number; readonly text: string },
): Promise<void> {
  const { signal } = context;
  for (;;) {
    const waitMs = state().lastSliceAt + sliceWaitMs - performance.now();
    if (waitMs <= 0) break;
    const done = new AbortController();
    const late = systemClock.sleep(waitMs, AbortSignal.any([signal, done.signal])).then(() => false);
    const isComplete = await Promise.race([complete.then(() => true), late]).finally(() => done.abort());
    signal.throwIfAborted();
    if (isComplete) return;
  }
  throw new PlatformError('timeout', `${state().text}, and no more for ${sliceWaitMs / 1_000} s`, {
    foreignStack: await lastWarnings(context),
  });
}

/** What the functions said of it: their logs go with the pilot. */
async function lastWarnings({ client }: MainJobContext): Promise<string> {
  const lines: string[] = [];
  for (const name of ['split', 'gridrec']) {
    for await (const { level, message, node } of client.logs(name)) {
      if (level === 'warn' || level === 'error') lines.push(`${name} on ${node}: ${message}`);
    }
  }
  return lines.slice(-explainingLines).join('\n');
}
