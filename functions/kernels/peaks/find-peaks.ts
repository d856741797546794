// Peaks of a diffraction frame: groups of pixels that stand out of what is around them. The frame is cut into tiles; each has a background (its
// median) and a noise (1.4826 times the median distance from it, which peaks do not move). Pixels above background + threshold x noise that
// touch each other are one peak; its place is their centre of mass above the background.
import { InputError } from '../scan/errors.ts';
import type { GridShape } from '../scan/grid.ts';
import { type Excess, plainExcess } from './plain-excess.ts';
import type { ExcessKernel } from './simd-excess.ts';

export interface PeakOptions {
  /** How many times the noise a pixel must stand out. Default 6. */
  readonly threshold?: number | undefined;
  /** Fewer pixels are no peak. Default 2: a single one is a hot pixel or a cosmic ray. */
  readonly pixelsMin?: number | undefined;
  /** More are a ring, a shadow or the direct beam. Default 500. */
  readonly pixelsMax?: number | undefined;
  /** Side of a tile. Default 32. */
  readonly tile?: number | undefined;
  /** Without it plain TypeScript does the work. */
  readonly kernel?: ExcessKernel | undefined;
}

export interface Peak {
  /** Pixel indexes with fractions. */
  readonly row: number;
  readonly column: number;
  /** Sum above the background. */
  readonly intensity: number;
  /** Of its highest pixel, in noises. */
  readonly significance: number;
  readonly pixels: number;
}

/** A frame that is all peaks is none. */
export const peaksMax = 10_000;

/** The strongest first, at most `peaksMax`. Pixels that are not finite count as masked. Throws `InputError`. */
export function findPeaks(frame: ArrayLike<number>, grid: GridShape, options: PeakOptions = {}): readonly Peak[] {
  const { threshold = 6, pixelsMin = 2, pixelsMax = 500, tile = 32, kernel } = options;
  if (frame.length !== grid.rows * grid.columns) {
    throw new InputError(
      'length',
      `the frame has ${frame.length} values; ${grid.rows} x ${grid.columns} are expected.`,
    );
  }
  if (!(threshold > 0) || !(Number.isInteger(tile) && tile >= 4) || !(pixelsMin >= 1) || !(pixelsMax >= pixelsMin)) {
    throw new InputError(
      'option',
      'threshold is > 0, tile a whole number from 4 on, pixelsMin at least 1, pixelsMax not below it.',
    );
  }
  const excess = kernel
    ? kernel.measure(frame, grid, { threshold, tile })
    : plainExcess(frame, grid, { threshold, tile });
  const peaks: Peak[] = [];
  for (let start = 0; start < excess.values.length; start++) {
    if ((excess.values[start] as number) <= 0) continue;
    const peak = takePeak(excess, grid, start);
    if (peak.pixels >= pixelsMin && peak.pixels <= pixelsMax) peaks.push(peak);
  }
  return peaks.sort((a, b) => b.intensity - a.intensity).slice(0, peaksMax);
}

/** Takes a pixel and all that touch it, corners included, out of the excess. */
function takePeak({ values, noise }: Excess, { rows, columns }: GridShape, start: number): Peak {
  const waiting = [start];
  let [sum, rowSum, columnSum, significance, pixels] = [0, 0, 0, 0, 0];
  const take = (pixel: number): void => {
    const value = values[pixel] as number;
    sum += value;
    rowSum += value * Math.floor(pixel / columns);
    columnSum += value * (pixel % columns);
    significance = Math.max(significance, value / (noise[pixel] as number));
    pixels++;
    values[pixel] = 0;
  };
  take(start);
  for (let pixel = waiting.pop(); pixel !== undefined; pixel = waiting.pop()) {
    const [row, column] = [Math.floor(pixel / columns), pixel % columns];
    for (let r = Math.max(0, row - 1); r <= Math.min(rows - 1, row + 1); r++) {
      for (let c = Math.max(0, column - 1); c <= Math.min(columns - 1, column + 1); c++) {
        const next = r * columns + c;
        if ((values[next] as number) <= 0) continue;
        take(next);
        waiting.push(next);
      }
    }
  }
  return { row: rowSum / sum, column: columnSum / sum, intensity: sum, significance, pixels };
}
