// Finds the rotation axis of a scan without a start value: the entropy of the slice is looked at for every centre from
// columns / 4 to 3/4 on a binned sinogram, then at full resolution around the dip it shows, then fitted with a parabola.
// One picture pair costs one reconstruction, because the real and the imaginary part hold one centre each.

import { Reconstructor } from '../gridrec/reconstructor.ts';
import { assertScan, type Scan } from '../scan/scan.ts';
import { centreOfMass } from './centre-of-mass.ts';
import { diskPixels, entropyOf, entropyRange } from './entropy.ts';

/**
 * The axis in columns (sample index; to about 0.1, to about 0.02 where the whole object is in view) and the entropy there in bits (the mean of two disks), or why there is none;
 * then `centre` is columns / 2.
 */
export type CentreSearch =
  | { readonly kind: 'found'; readonly centre: number; readonly entropy: number }
  | { readonly kind: 'failed'; readonly reason: string; readonly centre: number };

/** A sweep over a slice of this width costs about 0.3 s; much narrower ones lose the minimum among the artefacts. */
const coarseColumnsMax = 256;
const coarseAnglesMax = 180;
const fineAnglesMax = 720;
/** Two disks, because a full one has more edges to judge by, and a smaller one less of the artefacts at the rim. */
const diskRatios = [0.95, 0.75] as const;
/** The sweep has a slow trend (pictures of a far-off axis lose mass); only a dip against its surroundings is a sharp picture. */
const surroundingsShare = 24;
/** Columns next to the dip that belong to it and say nothing about the usual depth of a dip. */
const dipWidth = 4;
/** How many times deeper than the usual dip (root mean square) the best one must be; pure noise reaches 4. */
const clarityMin = 5;
/** The last fit: a parabola through pictures at +-1.5 columns; single minima jitter by 0.25, the fit by 0.03. */
const fitReach = 1.5;
const fitStep = 0.25;
/** Narrower slices have too few pixels for a histogram. */
const searchColumnsMin = 16;
const searchAnglesMin = 4;

/** One slice as the search sees it at one resolution: entropies of the pictures with these two centres. */
type Level = (firstCentre: number, secondCentre: number) => readonly [number, number];

interface Candidate {
  readonly centre: number;
  readonly entropy: number;
}

/** Searches in the middle slice of the scan. Throws `InputError` for a scan that cannot be reconstructed at all. */
export function findCentre(scan: Scan): CentreSearch {
  assertScan(scan);
  const { columns, angles } = scan;
  const failed = (reason: string): CentreSearch => ({ kind: 'failed', reason, centre: columns / 2 });
  if (columns < searchColumnsMin || angles < searchAnglesMin) {
    return failed(
      `${columns} columns and ${angles} angles are too few; ${searchColumnsMin} and ${searchAnglesMin} are needed`,
    );
  }
  const slice = middleSlice(scan);
  if (isFlat(slice.sinogram)) return failed('the sinogram is flat, so every centre gives the same picture');

  const bin = Math.ceil(columns / coarseColumnsMax);
  const coarse = createLevel(binColumns(thinAngles(slice, coarseAnglesMax), bin));
  const dip = findDip(sweepCentres(coarse, Math.floor(columns / bin)));
  if (dip === undefined) return failed('no centre gives a clearly sharper picture than the centres around it');

  const fine = createLevel(thinAngles(slice, fineAnglesMax));
  const found = fitMinimum(fine, scanAround(fine, Math.round((dip + 0.5) * bin - 0.5), bin));
  const [low, high] = [columns / 4, (3 * columns) / 4];
  if (found.centre <= low + 1 || found.centre >= high - 1) {
    return failed(
      `the sharpest picture (column ${found.centre.toFixed(1)}) lies at the border of the range searched, ${low} to ${high}`,
    );
  }
  return { kind: 'found', entropy: found.entropy, centre: refine(slice, found.centre) };
}

/** Entropy says where the axis is, the centre of mass says it exactly: taken where the two agree to within a column. */
function refine(slice: Scan, centre: number): number {
  const exact = centreOfMass(slice);
  return exact !== undefined && Math.abs(exact - centre) < 1 ? exact : centre;
}

/** Entropy at every whole column of a binned slice from a quarter to three quarters. */
function sweepCentres(level: Level, columns: number): readonly Candidate[] {
  const sweep: Candidate[] = [];
  const last = Math.floor((3 * columns) / 4);
  for (let centre = Math.ceil(columns / 4); centre <= last; centre += 2) {
    const [first, second] = level(centre, centre + 1);
    sweep.push({ centre, entropy: first }, { centre: centre + 1, entropy: second });
  }
  return sweep;
}

/** The centre of the one dip that is clearly deeper than all others, measured from the median of its surroundings. */
function findDip(sweep: readonly Candidate[]): number | undefined {
  const reach = Math.max(dipWidth, Math.round((2 * sweep.length) / surroundingsShare));
  const depths = sweep.map(({ entropy }, i) => {
    const around = sweep.slice(Math.max(0, i - reach), i + reach + 1).map((other) => other.entropy);
    return median(around) - entropy;
  });
  let best = 0;
  for (let i = 1; i < depths.length; i++) if ((depths[i] as number) > (depths[best] as number)) best = i;
  const others = depths.filter((_, i) => Math.abs(i - best) > dipWidth);
  const usual = Math.sqrt(others.reduce((sum, depth) => sum + depth * depth, 0) / others.length);
  return (depths[best] as number) > clarityMin * usual ? sweep[best]?.centre : undefined;
}

/** The best of the whole columns within +-reach of a centre. */
function scanAround(level: Level, centre: number, reach: number): number {
  let best: Candidate = { centre, entropy: Number.POSITIVE_INFINITY };
  for (let offset = -reach; offset <= reach; offset += 2) {
    const [first, second] = level(centre + offset, centre + offset + 1);
    if (first < best.entropy) best = { centre: centre + offset, entropy: first };
    if (second < best.entropy) best = { centre: centre + offset + 1, entropy: second };
  }
  return best.centre;
}

/** Least-squares parabola through the entropies around a centre; where it has no minimum near by, the lowest one seen. */
function fitMinimum(level: Level, centre: number): Candidate {
  const near: Candidate[] = [];
  for (let offset = -fitReach; offset <= fitReach; offset += 2 * fitStep) {
    const [first, second] = level(centre + offset, centre + offset + fitStep);
    near.push({ centre: centre + offset, entropy: first }, { centre: centre + offset + fitStep, entropy: second });
  }
  const lowest = near.reduce((best, next) => (next.entropy < best.entropy ? next : best));
  const offset = parabolaMinimum(near.map((candidate) => [candidate.centre - lowest.centre, candidate.entropy]));
  if (offset === undefined || Math.abs(offset) > fitReach / 2) return lowest;
  return { centre: lowest.centre + offset, entropy: lowest.entropy };
}

/** Where the least-squares parabola a + b x + c x^2 is lowest; undefined when it opens downwards. */
function parabolaMinimum(points: readonly (readonly [number, number])[]): number | undefined {
  const mean = (value: (x: number, y: number) => number): number =>
    points.reduce((sum, [x, y]) => sum + value(x, y), 0) / points.length;
  const x1 = mean((x) => x);
  const x2 = mean((x) => x * x);
  const y1 = mean((_, y) => y);
  // Normal equations after taking the mean off every variable: two unknowns, b and c.
  const xx = x2 - x1 * x1;
  const xq = mean((x) => (x - x1) * (x * x - x2));
  const qq = mean((x) => (x * x - x2) ** 2);
  const xy = mean((x, y) => (x - x1) * (y - y1));
  const qy = mean((x, y) => (x * x - x2) * (y - y1));
  const determinant = xx * qq - xq * xq;
  const slope = (xy * qq - qy * xq) / determinant;
  const bend = (qy * xx - xy * xq) / determinant;
  return bend > 0 ? -slope / (2 * bend) : undefined;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** A soft window (hann to the Nyquist frequency), because entropy sees noise before it sees edges. */
function createLevel(slice: Scan): Level {
  const { sinogram, columns } = slice;
  const reconstructor = new Reconstructor({ ...slice, mode: 'compat', filter: 'hann', filterParameters: [1] });
  const count = columns * columns;
  const images = new Float32Array(2 * count);
  const [firstImage, secondImage] = [images.subarray(0, count), images.subarray(count)];
  const draw = (firstCentre: number, secondCentre: number): void =>
    reconstructor.reconstructPair(
      { sinogram, first: 0, second: 0, firstCentre, secondCentre },
      { values: images, first: 0, second: count },
    );
  draw(columns / 2, columns / 2);
  const disks = diskRatios.map((ratio) => {
    const pixels = diskPixels(columns, ratio);
    return { pixels, range: entropyRange(firstImage, pixels) };
  });
  const score = (image: Float32Array): number =>
    disks.reduce((sum, { pixels, range }) => sum + entropyOf(image, pixels, range), 0) / disks.length;
  return (firstCentre, secondCentre) => {
    draw(firstCentre, secondCentre);
    return [score(firstImage), score(secondImage)];
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
