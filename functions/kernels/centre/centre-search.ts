// Finds the rotation axis of a scan without a start value: the entropy of the slice is looked at for every centre from
// columns / 4 to 3/4 on a binned sinogram, then at full resolution around the dip it shows, then fitted with a parabola.
// Two or four pictures cost one reconstruction (centre-pictures.ts).

import { createCentrePictures, picturesTogether } from '../gridrec/centre-pictures.ts';
import { assertScan, type Scan } from '../scan/scan.ts';
import { centreOfMass } from './centre-of-mass.ts';
import { diskPixels, entropyOf, entropyRange } from './entropy.ts';
import { binColumns, middleSlice, thinAngles } from './thin-scan.ts';

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

/** One slice as the search sees it at one resolution: entropies of the pictures with these centres. */
type Level = (centres: readonly number[]) => readonly number[];

interface Candidate {
  readonly centre: number;
  readonly entropy: number;
}

/**
 * Searches in the middle slice of the scan. `kernel` is gridrec.as.ts, compiled. Throws `InputError` for a scan that
 * cannot be reconstructed at all.
 */
export function findCentre(scan: Scan, kernel?: WebAssembly.Module): CentreSearch {
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
  const coarse = createLevel(binColumns(thinAngles(slice, coarseAnglesMax), bin), kernel);
  const dip = findDip(sweepCentres(coarse, Math.floor(columns / bin)));
  if (dip === undefined) return failed('no centre gives a clearly sharper picture than the centres around it');

  const fine = createLevel(thinAngles(slice, fineAnglesMax), kernel);
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
  const first = Math.ceil(columns / 4);
  return candidates(level, range(first, 1, Math.floor((3 * columns) / 4) - first + 1));
}

function candidates(level: Level, centres: readonly number[]): readonly Candidate[] {
  const entropies = level(centres);
  return centres.map((centre, i) => ({ centre, entropy: entropies[i] as number }));
}

function range(first: number, step: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => first + i * step);
}

function lowestOf(found: readonly Candidate[]): Candidate {
  return found.reduce((best, next) => (next.entropy < best.entropy ? next : best));
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
  return lowestOf(candidates(level, range(centre - reach, 1, 2 * reach + 2))).centre;
}

/** Least-squares parabola through the entropies around a centre; where it has no minimum near by, the lowest one seen. */
function fitMinimum(level: Level, centre: number): Candidate {
  const count = (2 * fitReach) / fitStep + 2;
  const near = candidates(level, range(centre - fitReach, fitStep, count));
  const lowest = lowestOf(near);
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
function createLevel(slice: Scan, kernel: WebAssembly.Module | undefined): Level {
  const { sinogram, columns } = slice;
  const draw = createCentrePictures(kernel, { ...slice, mode: 'compat', filter: 'hann', filterParameters: [1] });
  const [first] = draw(sinogram, [columns / 2]);
  const disks = diskRatios.map((ratio) => {
    const pixels = diskPixels(columns, ratio);
    return { pixels, range: entropyRange(first as Float32Array, pixels) };
  });
  const score = (image: Float32Array): number =>
    disks.reduce((sum, disk) => sum + entropyOf(image, disk.pixels, disk.range), 0) / disks.length;
  return (centres) => {
    const entropies: number[] = [];
    for (let i = 0; i < centres.length; i += picturesTogether) {
      entropies.push(...draw(sinogram, centres.slice(i, i + picturesTogether)).map(score));
    }
    return entropies;
  };
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
