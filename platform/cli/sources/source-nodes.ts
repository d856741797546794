/**
 * Producers on the pilot's nodes: the source is deployed as a function with so many instances, each is called once and sends its
 * share straight to the broker, and the function is removed at the end. Placement, limits and logs are those of any function.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { PilotClient } from '#client';
import { PlatformError, systemClock } from '#common';
import type { Connection } from '#model';
import type { ProducerCall, ProducerReport } from '#sources';
import { withPilot } from '../connection.ts';
import type { CliContext } from '../context.ts';
import type { Output } from '../output/output.ts';
import type { SourceFlags, SourceRun } from './source-plan.ts';

/** Beyond the run itself: opening a file, storing what is on its way. */
const marginMs = 120_000;
/** A run without an end is ended after this. */
const runMsMax = 24 * 3_600_000 - marginMs;
/** Frames are kept once made, beside what is under way. */
const memory = '1536MiB';
const readyWaitMs = 60_000;

export async function produceOnNodes(
  context: CliContext,
  flags: SourceFlags,
  run: SourceRun,
  output: Output,
): Promise<ProducerReport[]> {
  return await withPilot(context, flags.pilot, async (pilot, connection) => {
    const name = `source-${run.run.toLowerCase().replace(/[^a-z0-9-]/g, '-')}`;
    await deployProducers(pilot, name, run, connection);
    try {
      await untilReady(pilot, name, run.producers, context.signal);
      output.note(`${run.producers} producers on the pilot's nodes, function ${name}`);
      const calls = Array.from({ length: run.producers }, (_, producer) =>
        callProducer({ pilot, name, call: callOf(run, producer, connection), signal: context.signal }),
      );
      return await Promise.all(calls);
    } finally {
      await pilot.remove(name);
    }
  });
}

function callOf(run: SourceRun, producer: number, connection: Connection): ProducerCall {
  const { rate, settings, faults, count, seconds, producers } = run;
  return {
    connection,
    source: run.name,
    settings,
    run: run.run,
    producer,
    producers,
    rate: rate.kind === 'recorded' ? { kind: 'recorded', times: Array.from(rate.times) } : rate,
    faults,
    ...(count === undefined ? {} : { count }),
    ...(seconds === undefined ? {} : { seconds }),
  };
}

async function deployProducers(
  pilot: PilotClient,
  name: string,
  run: SourceRun,
  { claims }: Connection,
): Promise<void> {
  const { bundleFunction, readProject } = await import('#bundle');
  const folder = mkdtempSync(join(tmpdir(), 'pilotfish-source-'));
  try {
    const importPlugIn = run.file === undefined ? '' : `import plugIn from ${JSON.stringify(run.file)};\n`;
    const producer = JSON.stringify(producerFile());
    writeFileSync(
      join(folder, 'producer.ts'),
      `import { producerFunction } from ${producer};\n${importPlugIn}export default producerFunction(${run.file === undefined ? '' : 'plugIn'});\n`,
    );
    const file = String(run.settings['file'] ?? '');
    const manifest = {
      entry: 'producer.ts',
      timeout: `${Math.round(Math.min(runMsMax, (run.seconds ?? Number.POSITIVE_INFINITY) * 1_000) + marginMs)}ms`,
      scale: { min: run.producers, max: run.producers },
      resources: { memory },
      // Large payloads go to where the pilot keeps them, as from any other source.
      permissions: {
        net: true,
        read: file === '' ? [] : [resolve(file)],
        write: claims ? [claims.directory] : [],
      },
    };
    writeFileSync(join(folder, 'pilotfish.yaml'), JSON.stringify({ functions: { [name]: manifest } }));
    for (const one of readProject(folder).functions) await pilot.deploy(await bundleFunction(one));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Built, it lies beside this command. */
function producerFile(): string {
  const built = join(import.meta.dirname, 'producer.js');
  return existsSync(built) ? built : resolve(import.meta.dirname, '../../../dist/producer.js');
}

/** All at once: a rate is kept by all producers together, from the same moment. */
async function untilReady(pilot: PilotClient, name: string, instances: number, signal: AbortSignal): Promise<void> {
  const deadline = systemClock.monotonic() + readyWaitMs;
  for await (const { functions } of pilot.watch(AbortSignal.any([signal, AbortSignal.timeout(readyWaitMs)]))) {
    const summary = functions.find((candidate) => candidate.name === name);
    if (summary && summary.instancesReady >= instances) return;
    if (systemClock.monotonic() > deadline) break;
  }
  signal.throwIfAborted();
  throw new PlatformError('no-capacity', `not all of ${instances} producers could be started`, {
    hint: 'Each takes one slot: pilotfish node list shows how many are free.',
  });
}

interface ProducerStart {
  readonly pilot: PilotClient;
  readonly name: string;
  readonly call: ProducerCall;
  readonly signal: AbortSignal;
}

/** Lines of JSON: how many are stored so far, at last the report. */
async function callProducer({ pilot, name, call, signal }: ProducerStart): Promise<ProducerReport> {
  let text = '';
  for await (const piece of pilot.invokeStream(name, Buffer.from(JSON.stringify(call)), { signal })) {
    text = `${text}${piece.toString('utf8')}`;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      const { report } = JSON.parse(line) as { readonly report?: ProducerReport };
      if (report) return report;
    }
  }
  signal.throwIfAborted();
  throw new PlatformError('unavailable', `producer ${call.producer} ended without a report`, {
    hint: `What it sent is stored; it was not counted. Its lines: pilotfish logs ${name}`,
  });
}
