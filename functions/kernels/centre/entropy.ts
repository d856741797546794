// How ordered a reconstructed slice looks: the Shannon entropy of its histogram (Donath et al. 2006, "Automated determination
// of the center of rotation in tomography data"). At the right rotation axis edges are sharp, so values gather in few bins.
import { isInsideDisk } from '../scan/circular-mask.ts';

const histogramBins = 64;

/** The histogram's range stays the same for all candidates of a search, else their entropies cannot be compared. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
}

/** Row-major indexes of the pixels that count. */
export function diskPixels(columns: number, ratio: number): Uint32Array {
  const pixels: number[] = [];
  for (let row = 0; row < columns; row++) {
    for (let column = 0; column < columns; column++) {
      if (isInsideDisk(row, column, { rows: columns, columns }, ratio)) pixels.push(row * columns + column);
    }
  }
  return Uint32Array.from(pixels);
}

/** The range of a first picture, widened to twice its reach, because the sharpest picture reaches further than a blurred one. */
export function entropyRange(image: Float32Array, pixels: Uint32Array): ValueRange {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const pixel of pixels) {
    const value = image[pixel] as number;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low: low < 0 ? 2 * low : low / 2, high: high < 0 ? high / 2 : 2 * high };
}

/** Entropy in bits of the picture's histogram over `range`; values outside the range are left out, as in TomoPy. */
export function entropyOf(image: Float32Array, pixels: Uint32Array, { low, high }: ValueRange): number {
  const counts = new Float64Array(histogramBins);
  const perBin = histogramBins / (high - low);
  for (let i = 0; i < pixels.length; i++) {
    const bin = Math.floor(((image[pixels[i] as number] as number) - low) * perBin);
    if (bin >= 0 && bin < histogramBins) counts[bin] = (counts[bin] as number) + 1;
  }
  let entropy = 0;
  for (const count of counts) {
    if (count > 0) entropy -= (count / pixels.length) * Math.log2(count / pixels.length);
  }
  return entropy;
}
