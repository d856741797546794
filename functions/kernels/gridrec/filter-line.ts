// Filters one angle's spectrum and splits it into what goes on the grid: per bin j the value C1 of the point at +j and C2 of
// the mirrored point at -j. GridRec's FFT has the + sign; ours has -, so bin j of theirs is bin P - j of ours.
import type { Complexes } from '../fourier/fft.ts';

/** C1 re, C1 im, C2 re, C2 im for bins 0 .. P/2 - 1. */
export type FilteredLine = Float64Array;

/** Both slices share one centre: C1 = g Z[j], C2 = conj(g) Z[-j], g = bins * scale * phase. */
export function filterLine(
  line: FilteredLine,
  spectrum: Complexes,
  bins: Float64Array,
  { phases, scale }: { readonly phases: Float64Array; readonly scale: number },
): void {
  const half = bins.length;
  const length = 2 * half;
  for (let j = 0; j < half; j++) {
    const gain = (bins[j] as number) * scale;
    const gr = gain * (phases[2 * j] as number);
    const gi = gain * (phases[2 * j + 1] as number);
    const minus = 2 * j;
    const plus = j === 0 ? 0 : 2 * (length - j);
    const pr = spectrum[plus] as number;
    const pi = spectrum[plus + 1] as number;
    const mr = spectrum[minus] as number;
    const mi = spectrum[minus + 1] as number;
    line[4 * j] = gr * pr - gi * pi;
    line[4 * j + 1] = gr * pi + gi * pr;
    line[4 * j + 2] = gr * mr + gi * mi;
    line[4 * j + 3] = gr * mi - gi * mr;
  }
}

/**
 * Each slice has a centre of its own. The spectrum is first parted into A (slice 1) and B (slice 2), which are Hermitian because the
 * slices are real: A = (Z[j] + conj Z[-j]) / 2, B = (Z[j] - conj Z[-j]) / 2i; then C1 = gA A + i gB B, C2 = conj(gA A) + i conj(gB B).
 */
export function filterLineTwoCentres(
  line: FilteredLine,
  spectrum: Complexes,
  bins: Float64Array,
  { first, second, scale }: { readonly first: Float64Array; readonly second: Float64Array; readonly scale: number },
): void {
  const half = bins.length;
  const length = 2 * half;
  for (let j = 0; j < half; j++) {
    const gain = (bins[j] as number) * scale * 0.5;
    const minus = 2 * j;
    const plus = j === 0 ? 0 : 2 * (length - j);
    const pr = spectrum[plus] as number;
    const pi = spectrum[plus + 1] as number;
    const mr = spectrum[minus] as number;
    const mi = spectrum[minus + 1] as number;
    const ar = gain * (pr + mr);
    const ai = gain * (pi - mi);
    const br = gain * (pi + mi);
    const bi = gain * (mr - pr);
    const fr = first[2 * j] as number;
    const fi = first[2 * j + 1] as number;
    const sr = second[2 * j] as number;
    const si = second[2 * j + 1] as number;
    const gar = fr * ar - fi * ai;
    const gai = fr * ai + fi * ar;
    const gbr = sr * br - si * bi;
    const gbi = sr * bi + si * br;
    line[4 * j] = gar - gbi;
    line[4 * j + 1] = gai + gbr;
    line[4 * j + 2] = gar + gbi;
    line[4 * j + 3] = gbr - gai;
  }
}
