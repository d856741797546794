// Peaks of a diffraction frame: groups of pixels that stand out of what is around them. The frame is cut into tiles; each has a background (its
// median) and a noise (1.4826 times the median distance from it, which peaks do not move). Pixels above background + threshold x noise that
// touch each other are one peak; its place is their centre of mass above the background.
import { InputError } from '../scan/errors.ts';
import type { GridShape } from '../scan/grid.ts';

export interface PeakOptions {
  /** How many times the noise a pixel must stand out. Default 6. */
  readonly threshold?: number | undefined;
  /** Fewer pixels are no peak. Default 2: a single one is a hot pixel or a cosmic ray. */
  readonly pixelsMin?: number | undefined;
  /** More are a ring, a shadow or the direct beam. Default 500. */
  readonly pixelsMax?: number | undefined;
  /** Side of a tile. Default 32. */
  readonly tile?: number | undefined;
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
  const { threshold = 6, pixelsMin = 2, pixelsMax = 500, tile = 32 } = options;
  if (frame.length !== grid.rows * grid.columns) {
    throw new InputError(
      'length',
      `the frame has ${frame.length} values; ${grid.rows} x ${grid.columns} are expected.`,
    );
  }
  if (!(threshold > 0) || !(tile >= 4) || !(pixelsMin >= 1)) {
    throw new InputError('option', 'threshold is > 0, tile at least 4, pixelsMin at least 1.');
  }
  const excess = excessOf(frame, grid, { threshold, tile });
  const peaks: Peak[] = [];
  for (let start = 0; start < excess.values.length; start++) {
    if ((excess.values[start] as number) <= 0) continue;
    const peak = takePeak(excess, grid, start);
    if (peak.pixels >= pixelsMin && peak.pixels <= pixelsMax) peaks.push(peak);
  }
  return peaks.sort((a, b) => b.intensity - a.intensity).slice(0, peaksMax);
}

interface Excess {
  /** What stands out above the background; 0 where that is less than the threshold, or taken already. */
  readonly values: Float32Array;
  /** The tile's noise of each pixel. */
  readonly noise: Float32Array;
}

function excessOf(
  frame: ArrayLike<number>,
  { rows, columns }: GridShape,
  { threshold, tile }: { readonly threshold: number; readonly tile: number },
): Excess {
  const values = new Float32Array(frame.length);
  const noise = new Float32Array(frame.length);
  for (let top = 0; top < rows; top += tile) {
    for (let left = 0; left < columns; left += tile) {
      const pixels = tilePixels({ rows, columns }, { top, left, tile });
      const level = levelOf(frame, pixels);
      for (const pixel of pixels) {
        const above = (frame[pixel] as number) - level.background;
        noise[pixel] = level.noise;
        if (above > threshold * level.noise && Number.isFinite(above)) values[pixel] = above;
      }
    }
  }
  return { values, noise };
}

function tilePixels(
  { rows, columns }: GridShape,
  { top, left, tile }: { readonly top: number; readonly left: number; readonly tile: number },
): Uint32Array {
  const [height, width] = [Math.min(tile, rows - top), Math.min(tile, columns - left)];
  return Uint32Array.from(
    { length: height * width },
    (_, i) => (top + Math.floor(i / width)) * columns + left + (i % width),
  );
}

/** Counts have a noise of at least one, or an empty tile would make a peak of every photon. */
const noiseMin = 1;

function levelOf(frame: ArrayLike<number>, pixels: Uint32Array): { background: number; noise: number } {
  const values = Float32Array.from(pixels, (pixel) => frame[pixel] as number).filter((value) => value - value === 0);
  const background = medianOf(values);
  const spread = medianOf(values.map((value) => Math.abs(value - background)));
  return { background, noise: Math.max(noiseMin, 1.4826 * spread) };
}

function medianOf(values: Float32Array): number {
  return values.toSorted()[values.length >> 1] ?? 0;
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
