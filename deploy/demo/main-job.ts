/** The main job on a running pilot: deploy, replay, wait for every slice. */
import { join } from 'node:path';
import { bundleFunction, readProject } from '#bundle';
import { connectEvents, type PilotClient } from '#client';
import { PlatformError, systemClock } from '#common';
import type { Connection } from '#model';
import { replayScans } from '../../functions/sources/index.ts';
import { FleetWatch } from './fleet-watch.ts';
import type { DemoInput } from './inputs.ts';
import { Observer } from './observer.ts';
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

/** After the last frame; the slowest part is the last chunk's reconstruction. */
const lastSliceWaitMs = 120_000;
/** Chunks a node has to itself at the least, so that every node gets some. */
const chunkRowsMax = 4;

export async function runMainJob(context: MainJobContext): Promise<MainJob> {
  const { options, inputs, client, connection, signal, note } = context;
  await deployFunctions(context);
  const wanted = inputs.reduce((sum, { scan }) => sum + scan.metadata.rows, 0);
  const writer = new SliceWriter(options.out, inputs, options.input !== undefined);
  const complete = Promise.withResolvers<void>();
  let lastSliceAt = 0;
  const observer = await Observer.start(connection, (slice) => {
    const { scan, row, node } = writer.write(slice);
    lastSliceAt = performance.now();
    note(`slice ${scan}/${row} from ${node} (${writer.records.length}/${wanted})`);
    if (writer.records.length === wanted) complete.resolve();
  });
  const watch = new FleetWatch(client, 'gridrec');
  const source = await connectEvents(connection, 'source');
  const ids: string[] = [];
  try {
    const startedAt = performance.now();
    const replayed = await replayScans(
      inputs.map(({ scan }) => scan),
      {
        rate: options.rate,
        clock: { now: () => performance.now(), sleep: (ms, abort) => systemClock.sleep(ms, abort) },
        signal,
        subjectOf: (scan) => `scan.${scan}.frame`,
        publish: (frame) => {
          ids.push(frame.id);
          return source.publish(frame.subject, frame.data, { headers: frame.headers, id: frame.id });
        },
      },
    );
    await source.flush();
    note(`${replayed.frames} frames sent in ${replayed.seconds.toFixed(1)} s`);
    await untilComplete(complete.promise, signal, () => `${writer.records.length} of ${wanted} slices are there`);
    return {
      frames: replayed.frames,
      lost: observer.lost(ids),
      duplicates: observer.duplicates,
      seconds: (lastSliceAt - startedAt) / 1_000,
      writer,
      watch,
    };
  } finally {
    await source.close();
    await observer.close();
    await watch.close();
  }
}

/** The example functions as they are shipped, with this run's parameters. */
async function deployFunctions({ options, inputs, client, functions, note }: MainJobContext): Promise<void> {
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
    for (const { entry, spec } of project.functions) {
      const merged = { ...(JSON.parse(spec.configJson || '{}') as Record<string, unknown>), ...config };
      const { change, version } = await client.deploy(
        await bundleFunction(entry, { ...spec, configJson: JSON.stringify(merged) }),
      );
      note(`${spec.name}: ${change}, version ${version?.number ?? 0}`);
    }
  }
}

async function untilComplete(complete: Promise<void>, signal: AbortSignal, state: () => string): Promise<void> {
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  const outcome = await Promise.race([
    complete.then(() => 'complete'),
    systemClock.sleep(lastSliceWaitMs, either).then(() => 'late'),
  ]);
  done.abort();
  if (signal.aborted) throw new PlatformError('cancelled', 'interrupted');
  if (outcome === 'late')
    throw new PlatformError('timeout', `${state()} ${lastSliceWaitMs / 1_000} s after the last frame`, {
      hint: '`pilotfish logs gridrec` may show why.',
    });
}
