// Finds the rotation axis of a scan without a start value: the entropy of the slice is looked at for every centre from
// columns / 4 to 3/4, first on a binned sinogram, then at full resolution around the best few, then in halved steps.
// One picture pair costs one reconstruction, because the real and the imaginary part hold one centre each.
import { diskPixels, entropyOf, entropyRange, type ValueRange } from './entropy.ts';
import { Reconstructor } from './reconstructor.ts';
import { assertScan, type Scan } from './scan.ts';

/** The axis in columns (sample index) and the entropy there, or why there is none; then `centre` is columns / 2. */
export type CentreSearch =
  | { readonly kind: 'found'; readonly centre: number; readonly entropy: number }
  | { readonly kind: 'failed'; readonly reason: string; readonly centre: number };

/** A sweep over a slice of this width costs about 0.2 s; much narrower ones lose the minimum among the artefacts. */
const coarseColumnsMax = 256;
const coarseAnglesMax = 180;
const fineAnglesMax = 720;
/** Local minima of the sweep that are looked at again at full resolution. */
const candidatesMax = 6;
/** The last step in columns, well below what an eye can tell. */
const stepMin = 0.125;
/** The minimum must lie this many times the usual spread (median absolute deviation) below the median of the sweep. */
const clarityMin = 4;
/** Narrower slices have too few pixels for a histogram. */
const searchColumnsMin = 16;
const searchAnglesMin = 4;

/** One slice as the search sees it at one resolution. */
interface Level {
  readonly entropies: (first: number, second: number) => readonly [number, number];
}

interface Candidate {
  readonly centre: number;
  readonly entropy: number;
}

/** Searches in the middle slice of the scan. Throws `InputError` for a scan that cannot be reconstructed at all. */
export function findCentre(scan: Scan): CentreSearch {
  assertScan(scan);
  const { columns, angles } = scan;
  const fallback = (reason: string): CentreSearch => ({ kind: 'failed', reason, centre: columns / 2 });
  if (columns < searchColumnsMin || angles < searchAnglesMin) {
    return fallback(`${columns} columns and ${angles} angles are too few; ${searchColumnsMin} and ${searchAnglesMin} are needed`);
  }
  const slice = middleSlice(scan);
  if (isFlat(slice.sinogram)) return fallback('the sinogram is flat, so every centre gives the same picture');

  const bin = Math.ceil(columns / coarseColumnsMax);
  const coarse = createLevel(binColumns(thinAngles(slice, coarseAnglesMax), bin));
  const sweep = sweepCentres(coarse, Math.floor(columns / bin));
  const lowest = sweep.reduce((best, next) => (next.entropy < best.entropy ? next : best));
  if (!isClear(sweep, lowest)) return fallback('no centre gives a clearly sharper picture than the others');

  const fine = createLevel(thinAngles(slice, fineAnglesMax));
  const seeds = localMinima(sweep).slice(0, candidatesMax);
  const start = seeds
    .map(({ centre }) => scanAround(fine, (centre + 0.5) * bin - 0.5, bin))
    .reduce((best, next) => (next.entropy < best.entropy ? next : best));
  const found = refine(fine, start);
  if (found.centre <= columns / 4 + 1 || found.centre >= (3 * columns) / 4 - 1) {
    return fallback(
      `the sharpest picture lies at the border of the range searched (column ${found.centre.toFixed(2)} of ` +
        `${columns / 4} to ${(3 * columns) / 4})`,
    );
  }
  return { kind: 'found', ...found };
}

/** Entropy at every whole column of a binned slice from a quarter to three quarters. */
function sweepCentres(level: Level, columns: number): readonly Candidate[] {
  const sweep: Candidate[] = [];
  const last = Math.floor((3 * columns) / 4);
  for (let centre = Math.ceil(columns / 4); centre <= last; centre += 2) {
    const [first, second] = level.entropies(centre, centre + 1);
    sweep.push({ centre, entropy: first }, { centre: centre + 1, entropy: second });
  }
  return sweep;
}

/** Minima of the sweep, lowest first. */
function localMinima(sweep: readonly Candidate[]): readonly Candidate[] {
  const minima = sweep.filter(({ entropy }, i) => {
    const before = sweep[i - 1]?.entropy ?? Number.POSITIVE_INFINITY;
    const after = sweep[i + 1]?.entropy ?? Number.POSITIVE_INFINITY;
    return entropy <= before && entropy <= after;
  });
  return minima.toSorted((a, b) => a.entropy - b.entropy);
}

/** Whole columns within +-reach of a centre. */
function scanAround(level: Level, centre: number, reach: number): Candidate {
  let best: Candidate = { centre, entropy: Number.POSITIVE_INFINITY };
  for (let offset = -reach; offset <= reach; offset += 2) {
    best = better(best, level, centre + offset, centre + offset + 1);
  }
  return best;
}

/** Halves the step: a pair of neighbours costs one reconstruction. */
function refine(level: Level, start: Candidate): Candidate {
  let best = start;
  for (let step = 0.5; step >= stepMin; step /= 2) best = better(best, level, best.centre - step, best.centre + step);
  return best;
}

function better(best: Candidate, level: Level, firstCentre: number, secondCentre: number): Candidate {
  const [first, second] = level.entropies(firstCentre, secondCentre);
  const winner = first <= second ? { centre: firstCentre, entropy: first } : { centre: secondCentre, entropy: second };
  return winner.entropy < best.entropy ? winner : best;
}

function isClear(sweep: readonly Candidate[], lowest: Candidate): boolean {
  const middle = median(sweep.map(({ entropy }) => entropy));
  const spread = median(sweep.map(({ entropy }) => Math.abs(entropy - middle)));
  return middle - lowest.entropy > clarityMin * spread;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function createLevel(slice: Scan): Level {
  const { sinogram, columns } = slice;
  const reconstructor = new Reconstructor({ ...slice, mode: 'compat', filter: 'shepp' });
  const pixels = diskPixels(columns);
  const count = columns * columns;
  const images = new Float32Array(2 * count);
  const [firstImage, secondImage] = [images.subarray(0, count), images.subarray(count)];
  const draw = (firstCentre: number, secondCentre: number): void =>
    reconstructor.reconstructPair(
      { sinogram, first: 0, second: 0, firstCentre, secondCentre },
      { values: images, first: 0, second: count },
    );
  draw(columns / 2, columns / 2);
  const range: ValueRange = entropyRange(firstImage, pixels);
  return {
    entropies: (firstCentre, secondCentre) => {
      draw(firstCentre, secondCentre);
      return [entropyOf(firstImage, pixels, range), entropyOf(secondImage, pixels, range)];
    },
  };
}

function middleSlice({ sinogram, slices, angles, columns, theta }: Scan): Scan {
  const start = Math.floor(slices / 2) * angles * columns;
  return { sinogram: sinogram.subarray(start, start + angles * columns), slices: 1, angles, columns, theta };
}

/** Values that differ by rounding only. */
function isFlat(sinogram: Float32Array): boolean {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of sinogram) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return high - low <= 1e-6 * Math.max(Math.abs(low), Math.abs(high));
}

/** Keeps every k-th angle. */
function thinAngles(slice: Scan, anglesMax: number): Scan {
  const step = Math.ceil(slice.angles / anglesMax);
  if (step === 1) return slice;
  const { columns } = slice;
  const theta = slice.theta.filter((_, i) => i % step === 0);
  const sinogram = new Float32Array(theta.length * columns);
  for (let i = 0; i < theta.length; i++) {
    sinogram.set(slice.sinogram.subarray(i * step * columns, (i * step + 1) * columns), i * columns);
  }
  return { sinogram, slices: 1, angles: theta.length, columns, theta };
}

/** Averages `bin` neighbouring columns; what is left over at the end is dropped. */
function binColumns(slice: Scan, bin: number): Scan {
  if (bin === 1) return slice;
  const columns = Math.floor(slice.columns / bin);
  const sinogram = new Float32Array(slice.angles * columns);
  for (let angle = 0; angle < slice.angles; angle++) {
    for (let i = 0; i < columns; i++) {
      let sum = 0;
      for (let k = 0; k < bin; k++) sum += slice.sinogram[angle * slice.columns + i * bin + k] as number;
      sinogram[angle * columns + i] = sum / bin;
    }
  }
  return { ...slice, sinogram, columns };
}
