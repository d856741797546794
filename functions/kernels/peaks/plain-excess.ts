// What stands out of a frame, in plain TypeScript: the second opinion on peaks.as.ts.
import type { GridShape } from '../scan/grid.ts';

export interface TileOptions {
  readonly threshold: number;
  readonly tile: number;
}

export interface Excess {
  /** What stands out above the background; 0 where that is less than the threshold, or taken already. */
  readonly values: Float32Array;
  /** The tile's noise of each pixel. */
  readonly noise: Float32Array;
}

/** Of one frame. */
export function plainExcess(
  frame: ArrayLike<number>,
  { rows, columns }: GridShape,
  { threshold, tile }: TileOptions,
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
