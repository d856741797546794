/**
 * What one producer stores a second: `pilotfish source run lightsource` with frames of 2 MiB from one node, against a hand-written loop that keeps
 * eight publishes of the same frame under way with the client's own `publish`. Same pilot, same stream; runs take turns.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connectNats, eventSubject, streams } from '#broker';
import type { SourceReport } from '../../functions/sources/index.ts';
import { TestPilot } from '../harness/pilot.ts';
import { type BenchResult, compare } from './report.ts';
import type { BenchOptions } from './run.ts';

/** 1,024 x 1,024 u16. */
const frameBytes = 2 * 2 ** 20;
/** Frames of one run: two seconds of what is asked for. */
const frames = 256;
const underWay = 8;
/** Frames of a scan that are made once and then sent again and again, so that making them is not measured. */
const distinct = ['rows=1024', 'columns=1024', 'angles=8', 'fields=1', 'scans=0', 'prepare=true'];

export async function benchSources(options: BenchOptions): Promise<BenchResult[]> {
  await using pilot = await TestPilot.start({ nodes: 1, coresPerNode: 2, storeSize: '3GiB' });
  const seedOf = (role: string) => readFileSync(join(pilot.directory, 'keys', `${role}.seed`), 'utf8').trim();
  const servers = pilot.connection.brokers;
  const gateway = await connectNats({ servers, seed: seedOf('gateway'), role: 'gateway', member: 'bench' });
  const purge = async () => await (await jetstreamManager(gateway)).streams.purge(streams.events);
  const source = await connectNats({ servers, seed: pilot.connection.seeds.source, role: 'source', member: 'bench' });
  try {
    const ours: number[] = [];
    const baseline: number[] = [];
    for (let run = 0; run < options.runs; run++) {
      ours.push(await runSource(pilot));
      await purge();
      baseline.push(await runLoop(source));
      await purge();
      process.stderr.write(
        `run ${run + 1}/${options.runs}: ${ours.at(-1)?.toFixed(0)} MB/s, loop ${baseline.at(-1)?.toFixed(0)} MB/s\n`,
      );
    }
    return [compare('source-2mib-frames-vs-publish-loop', 'MB/s', ours, baseline)];
  } finally {
    await source.close();
    await gateway.close();
  }
}

/** From the first frame handed over to the last one stored, as the command itself says. */
async function runSource(pilot: TestPilot): Promise<number> {
  const settings = distinct.flatMap((setting) => ['--set', setting]);
  const { code, stdout, stderr } = await pilot.cli([
    'source',
    'run',
    'lightsource',
    ...settings,
    '--count',
    String(frames),
    '-o',
    'json',
  ]);
  if (code !== 0) throw new Error(stderr);
  const report = JSON.parse(stdout) as SourceReport;
  if (report.stored !== frames) throw new Error(`${report.stored} of ${frames} frames are stored`);
  return report.megabytesPerSecond;
}

async function runLoop(connection: Awaited<ReturnType<typeof connectNats>>): Promise<number> {
  const stream = jetstream(connection);
  const frame = new Uint8Array(frameBytes).fill(7);
  const started = performance.now();
  let next = 0;
  const lane = async () => {
    while (next < frames) {
      const number = next++;
      await stream.publish(eventSubject('loop.frame'), frame, { msgID: `${started}.${number}` });
    }
  };
  await Promise.all(Array.from({ length: underWay }, lane));
  return (frames * frameBytes) / (performance.now() - started) / 1_000;
}
