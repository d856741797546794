/** split and gridrec on a pilot: deployed with a test's parameters, fed with scans, their slices collected. */
import { join } from 'node:path';
import { systemClock } from '#common';
import { type ReplayReport, replayScans, type ScanSource } from '../../functions/sources/index.ts';
import { deployFolder } from './deploy-folder.ts';
import type { TestPilot } from './pilot.ts';

const functions = join(import.meta.dirname, '../../functions');

/** As shipped, but for the given parts of their `config`. */
export async function deployMainJob(
  pilot: TestPilot,
  config: { split?: object; gridrec?: object } = {},
): Promise<void> {
  for (const name of ['split', 'gridrec'] as const) await deployFolder(pilot, join(functions, name), config[name]);
}

export async function replayInto(
  pilot: TestPilot,
  scans: readonly ScanSource[],
  rate: number,
  subjectOf: (scan: string) => string = (scan) => `scan.${scan}.frame`,
): Promise<ReplayReport> {
  await using source = await pilot.events('source');
  const report = await replayScans(scans, {
    rate,
    clock: { now: () => systemClock.monotonic(), sleep: (ms, signal) => systemClock.sleep(ms, signal) },
    subjectOf,
    publish: ({ subject, data, headers, id }) => source.publish(subject, data, { headers, id: `${subject}.${id}` }),
  });
  await source.flush();
  return report;
}

export interface ReceivedSlice {
  readonly row: number;
  readonly values: Float32Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** The first `rows` slices of a scan, by row; gives up after `timeoutMs`. */
export async function collectSlices(
  pilot: TestPilot,
  scan: string,
  rows: number,
  timeoutMs: number,
): Promise<ReceivedSlice[]> {
  await using viewer = await pilot.events('viewer');
  const slices: ReceivedSlice[] = [];
  for await (const { subject, data, headers } of await viewer.read(`recon.${scan}.*`, {
    from: 'all',
    signal: AbortSignal.timeout(timeoutMs),
  })) {
    slices.push({
      row: Number(subject.split('.')[2]),
      values: new Float32Array(Uint8Array.from(data).buffer),
      headers,
    });
    if (slices.length === rows) break;
  }
  return slices.sort((a, b) => a.row - b.row);
}
