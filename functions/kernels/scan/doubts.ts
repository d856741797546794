// What can be reconstructed but looks like a mistake: sentences for a log. The picture may be wrong, and whoever looks at it must know.
import { lineMax } from './flat-field.ts';
import type { Scan } from './scan.ts';

/** Fewer than one value in a thousand are single dead pixels. */
const shareMin = 1e-3;
/** Ten times as bright as without a sample: no sample does that. */
const brightLine = -Math.log(10);
/** Above this part of the columns it is the sample that does not change: a disk on the axis looks the same from everywhere. */
const stuckColumnsMax = 0.25;
const slicesNamedMax = 3;
/** Beside the sample there is air, and that does not change either. */
const airMax = 0.1;
const narrowAnglesMin = 16;
const narrowSpanMax = Math.PI / 12;

/** Each is a sentence that says what is odd, and what it may come from. */
export function scanDoubts(scan: Scan): readonly string[] {
  return [...angleDoubts(scan), ...lightDoubts(scan), ...stuckDoubts(scan)];
}

function* angleDoubts({ angles, theta }: Scan): Generator<string> {
  if (angles === 1) yield 'there is one angle only, so the picture is one line smeared over the slice.';
  let [least, most] = [theta[0] ?? 0, theta[0] ?? 0];
  for (const angle of theta) [least, most] = [Math.min(least, angle), Math.max(most, angle)];
  const span = most - least;
  if (span > 2.01 * Math.PI)
    yield `theta spans ${span.toFixed(2)} radians, more than one turn; if these are degrees, multiply them by pi/180.`;
  if (angles >= narrowAnglesMin && span < narrowSpanMax)
    yield `theta spans ${((span * 180) / Math.PI).toFixed(1)} degrees only; if it was given in other units, convert it.`;
}

/** Line integrals at the bounds of what a detector can see. */
function* lightDoubts({ sinogram }: Scan): Generator<string> {
  let [dark, bright] = [0, 0];
  for (let i = 0; i < sinogram.length; i++) {
    const value = sinogram[i] as number;
    if (value < brightLine) bright++;
    else if (Math.abs(value - lineMax) < 1e-5) dark++;
  }
  const share = (count: number) =>
    `${Number(((100 * count) / sinogram.length).toPrecision(2))} % of the line integrals`;
  if (dark > shareMin * sinogram.length)
    yield `${share(dark)} are at the bound for no light at all: dead pixels, or projections without a beam?`;
  if (bright > shareMin * sinogram.length)
    yield `${share(bright)} are of ten times the beam or more: zero flat fields, or saturated pixels?`;
}

/** Rows and columns of the detector that never change. Nothing in the beam is no doubt. */
function* stuckDoubts(scan: Scan): Generator<string> {
  let more = 0;
  for (let slice = 0; slice < scan.slices && scan.angles > 1; slice++) {
    const doubt = stuckDoubt(scan, slice);
    if (doubt === undefined) continue;
    if (more < slicesNamedMax) yield doubt;
    more++;
  }
  if (more > slicesNamedMax) yield `${more - slicesNamedMax} more slices are like that.`;
}

function stuckDoubt(scan: Scan, slice: number): string | undefined {
  const stuck = stuckColumns(scan, slice);
  const [first] = stuck;
  if (first === undefined) return undefined;
  if (stuck.length === scan.columns && isOneValue(scan, slice))
    return `slice ${slice} has one value at all angles and columns: a dead or saturated row?`;
  if (stuck.length > stuckColumnsMax * scan.columns) return undefined;
  return `slice ${slice} has columns that never change, ${stuck.length}, the first is ${first}: dead pixels, which make rings?`;
}

function stuckColumns({ sinogram, angles, columns }: Scan, slice: number): number[] {
  const found: number[] = [];
  for (let column = 0; column < columns; column++) {
    let at = slice * angles * columns + column;
    const end = at + angles * columns;
    const value = sinogram[at] as number;
    if (Math.abs(value) < airMax) continue;
    while (at < end && sinogram[at] === value) at += columns;
    if (at >= end) found.push(column);
  }
  return found;
}

/** Of a slice whose columns never change. */
function isOneValue({ sinogram, angles, columns }: Scan, slice: number): boolean {
  const line = sinogram.subarray(slice * angles * columns, slice * angles * columns + columns);
  return line.every((value) => value === line[0]);
}
