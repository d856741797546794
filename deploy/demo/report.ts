/** The demo's table and its JSON. */
import { type FleetSample, sparkline } from './fleet-watch.ts';
import type { SliceRecord } from './slices.ts';

export interface DemoResult {
  readonly scans: number;
  /** Frames published, end markers not counted. */
  readonly frames: number;
  /** Published ids without a trace at an independent reader. */
  readonly lost: number;
  readonly duplicates: number;
  readonly slices: number;
  readonly shape: readonly number[];
  /** Median of the slices' rotation axes, columns. */
  readonly centre: number | null;
  /** From the first frame to the last slice. */
  readonly seconds: number;
  readonly framesPerSecond: number;
  /** Lowest of all slices, dB; null where the truth is unknown. */
  readonly psnr: number | null;
  readonly instancesMax: number;
  readonly nodesUsed: number;
  readonly readySeconds: number;
  readonly files: readonly string[];
}

/** What the table shows beside the result itself. */
export interface DemoDetails {
  readonly slices: readonly SliceRecord[];
  readonly psnrs: readonly number[];
  readonly samples: readonly FleetSample[];
  readonly out: string;
}

export function renderTable(result: DemoResult, { slices, psnrs, samples, out }: DemoDetails): string {
  const rows: [string, string][] = [
    ['scans', String(result.scans)],
    ['frames', `${result.frames} (${result.lost} lost, ${result.duplicates} doubled)`],
    ['slices', `${result.slices} of ${result.shape.join(' x ')}`],
    ['seconds', `${result.seconds.toFixed(2)} from the first frame to the last slice`],
    ['frames/s', result.framesPerSecond.toFixed(1)],
    [
      'rotation axis',
      result.centre === null ? '-' : `column ${result.centre.toFixed(2)} (${slices[0]?.centreFrom ?? ''})`,
    ],
    [
      'quality',
      psnrs.length === 0
        ? 'no truth known'
        : `PSNR ${Math.min(...psnrs).toFixed(1)} to ${Math.max(...psnrs).toFixed(1)} dB against the truth`,
    ],
    ['gridrec', `up to ${result.instancesMax} instances on ${result.nodesUsed} nodes`],
    ['over time', sparkline(samples, 48)],
    ['pilot ready', `${result.readySeconds.toFixed(2)} s`],
    ['pictures', out],
  ];
  return rows.map(([name, value]) => `${name.padEnd(14)} ${value}`).join('\n');
}

export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? null;
}
