// Gridding: each point of a polar line is spread on the Cartesian frequency grid with the separable kernel
// w(U - iu) w(V - iv), 4 x 4 taps (5 where a coordinate is whole), together with its mirrored point.
// O'Sullivan 1985 ("A fast sinc function gridding algorithm"); Dowd et al. 1999 (GridRec). The first axis of the grid is u.
import type { Complexes } from '../fourier/fft.ts';
import type { FilteredLine } from './filter-line.ts';
import { kernelHalfWidth } from './pswf.ts';

export interface Grid {
  readonly size: number;
  readonly values: Complexes;
  /** The kernel at distance i / density, i = 0 .. 2 * density. */
  readonly kernel: Float64Array;
  readonly density: number;
  /** Taps over the edge come in on the other side (exact: the grid is periodic), or are left out (TomoPy's rule). */
  readonly edge: 'wrap' | 'clip';
  /**
   * Coordinates rounded to 32 bits, as TomoPy has them: next to a whole coordinate (90 degrees: cos = -4e-8) rounding decides
   * whether there are four taps or five, and 3e-3 of the picture with it.
   */
  readonly singlePrecision: boolean;
}

export interface Direction {
  readonly cosine: number;
  readonly sine: number;
  /** First bin to spread: 0 with DC, 1 without. */
  readonly firstBin: 0 | 1;
}

/** Bins closer to the edge than this may have taps over it. */
const edgeMargin = kernelHalfWidth + 2;
/** The kernel's taps at a whole coordinate: -2 .. 2. */
const tapsMax = 2 * kernelHalfWidth + 1;

/** Adds one filtered line to the grid. */
export function spreadLine(grid: Grid, line: FilteredLine, direction: Direction): void {
  const half = grid.size / 2;
  const { cosine, sine } = direction;
  const reach = Math.max(Math.abs(cosine), Math.abs(sine));
  const inner = Math.min(half - 1, Math.floor((half - edgeMargin) / reach));
  spreadInner(grid, line, direction, inner);
  for (let j = inner + 1; j < half; j++) {
    spreadPoint(grid, line, j, coordinate(grid, half, j * cosine), coordinate(grid, half, j * sine));
  }
}

/** In accurate mode rounded down to 2^-30 of the grid, so that what is whole but for rounding is whole: five taps, not four. */
function coordinate({ singlePrecision, size }: Grid, half: number, offset: number): number {
  if (singlePrecision) return Math.fround(half + Math.fround(offset));
  const scale = 2 ** 30 / size;
  return Math.trunc((half + offset) * scale) / scale;
}

/** Bins up to `last`, none of whose taps is near the edge: the hot loop of the whole reconstruction. */
function spreadInner(grid: Grid, line: FilteredLine, { cosine, sine, firstBin }: Direction, last: number): void {
  const { size, values, kernel, density, singlePrecision } = grid;
  const half = size / 2;
  const rowStep = 2 * size;
  const support = 2 * density;
  for (let j = firstBin; j <= last; j++) {
    const u = coordinate(grid, half, j * cosine);
    const v = coordinate(grid, half, j * sine);
    const iu = Math.ceil(u) - 2;
    const iv = Math.ceil(v) - 2;
    const uHigh = Math.floor(singlePrecision ? Math.fround(u + 2) : u + 2);
    const vHigh = Math.floor(singlePrecision ? Math.fround(v + 2) : v + 2);
    if (uHigh - iu > 3 || vHigh - iv > 3) {
      spreadPoint(grid, line, j, u, v);
      continue;
    }
    // Distances to the four taps are t, t - 1, 2 - t, 3 - t with 1 < t < 2; the table is read at the nearest entry.
    const tu = (u - iu) * density;
    const tv = (v - iv) * density;
    const tuLow = (tu + 0.5) | 0;
    const tuHigh = (support - tu + 0.5) | 0;
    const tvLow = (tv + 0.5) | 0;
    const tvHigh = (support - tv + 0.5) | 0;
    const v0 = kernel[tvLow] as number;
    const v1 = kernel[tvLow - density] as number;
    const v2 = kernel[tvHigh] as number;
    const v3 = kernel[tvHigh + density] as number;
    const c1r = line[4 * j] as number;
    const c1i = line[4 * j + 1] as number;
    const c2r = line[4 * j + 2] as number;
    const c2i = line[4 * j + 3] as number;
    let plus = 2 * (iu * size + iv);
    let minus = 2 * ((size - iu) * size + size - iv);
    for (let tap = 0; tap < 4; tap++, plus += rowStep, minus -= rowStep) {
      const at = tap < 2 ? tuLow - tap * density : tuHigh + (tap - 2) * density;
      const w = kernel[at] as number;
      const ar = w * c1r;
      const ai = w * c1i;
      const br = w * c2r;
      const bi = w * c2i;
      values[plus] = (values[plus] as number) + v0 * ar;
      values[plus + 1] = (values[plus + 1] as number) + v0 * ai;
      values[plus + 2] = (values[plus + 2] as number) + v1 * ar;
      values[plus + 3] = (values[plus + 3] as number) + v1 * ai;
      values[plus + 4] = (values[plus + 4] as number) + v2 * ar;
      values[plus + 5] = (values[plus + 5] as number) + v2 * ai;
      values[plus + 6] = (values[plus + 6] as number) + v3 * ar;
      values[plus + 7] = (values[plus + 7] as number) + v3 * ai;
      values[minus] = (values[minus] as number) + v0 * br;
      values[minus + 1] = (values[minus + 1] as number) + v0 * bi;
      values[minus - 2] = (values[minus - 2] as number) + v1 * br;
      values[minus - 1] = (values[minus - 1] as number) + v1 * bi;
      values[minus - 4] = (values[minus - 4] as number) + v2 * br;
      values[minus - 3] = (values[minus - 3] as number) + v2 * bi;
      values[minus - 6] = (values[minus - 6] as number) + v3 * br;
      values[minus - 5] = (values[minus - 5] as number) + v3 * bi;
    }
  }
}

/** One point in general: up to 5 x 5 taps, at the edge as the grid says. Index 0 is never written when clipping. */
// biome-ignore lint/complexity/useMaxParams: called from the hot loop, where an options object would be garbage.
function spreadPoint(grid: Grid, line: FilteredLine, j: number, u: number, v: number): void {
  const { size, values, kernel, density, edge, singlePrecision } = grid;
  const uHigh = Math.floor(singlePrecision ? Math.fround(u + kernelHalfWidth) : u + kernelHalfWidth);
  const vHigh = Math.floor(singlePrecision ? Math.fround(v + kernelHalfWidth) : v + kernelHalfWidth);
  // DC has no mirrored point: its C2 would count it twice.
  const mirror = j === 0 ? 0 : 1;
  const iu = Math.ceil(u - kernelHalfWidth);
  const iv = Math.ceil(v - kernelHalfWidth);
  for (let a = 0; a < tapsMax && iu + a <= uHigh; a++) {
    for (let b = 0; b < tapsMax && iv + b <= vHigh; b++) {
      const outside = iu + a < 1 || iu + a >= size || iv + b < 1 || iv + b >= size;
      if (outside && edge === 'clip') continue;
      const wu = kernel[Math.round(Math.abs(u - iu - a) * density)] as number;
      const wv = kernel[Math.round(Math.abs(v - iv - b) * density)] as number;
      const weight = wu * wv;
      const mask = size - 1;
      const plus = 2 * (((iu + a) & mask) * size + ((iv + b) & mask));
      const minus = 2 * (((size - iu - a) & mask) * size + ((size - iv - b) & mask));
      values[plus] = (values[plus] as number) + weight * (line[4 * j] as number);
      values[plus + 1] = (values[plus + 1] as number) + weight * (line[4 * j + 1] as number);
      values[minus] = (values[minus] as number) + mirror * weight * (line[4 * j + 2] as number);
      values[minus + 1] = (values[minus + 1] as number) + mirror * weight * (line[4 * j + 3] as number);
    }
  }
}
