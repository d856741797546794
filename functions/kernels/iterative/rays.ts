// Which cells a ray meets, and how long it stays in each: Siddon's method ("Fast calculation of the exact radiological path for
// a three-dimensional CT array", 1985) on a plane, with TomoPy's conventions. One ray a detector pixel; cells are squares of
// side 1 around the origin. The first axis (x here) counts rows downwards, the second (y here) columns to the right, so that
// s = column cos(theta) + (-row) sin(theta) and the ray runs along (cos, sin) of (x, y) at distance s.
//
// Coordinates are rounded to 32 bits step by step, as TomoPy has them: where a ray runs along a grid line or within .01 of the border,
// rounding decides which cells it meets.
import type { GridShape } from '../scan/grid.ts';

/** Crossings this close to the border are left out. */
const borderMargin = Math.fround(0.01);
/** A ray this little above a grid line is moved up by as much, so that it does not run along the line. */
const lineMargin = Math.fround(0.01);

const { fround } = Math;

/** The distance from the axis of detector pixel 0's ray; pixel d lies d further. `centre` sits on index centre - 1/2. */
export function rayOffset(detectorPixels: number, centre: number): number {
  let shift = fround(fround(fround(detectorPixels - 1) * 0.5) - fround(centre));
  if (fround(shift - Math.floor(shift)) < lineMargin) shift = fround(shift + lineMargin);
  return fround(shift + 0.5);
}

/** Distance of detector pixel `pixel` from the axis. */
export function rayDistance(detectorPixels: number, pixel: number, offset: number): number {
  return fround(fround(0.5 * (1 - detectorPixels) + pixel) + offset);
}

/** An angle's cosine and sine, of the angle as 32 bits. */
export function rayDirection(theta: number): { readonly cosine: number; readonly sine: number } {
  const folded = fround(fround(theta) % fround(2 * Math.PI));
  return { cosine: fround(Math.cos(folded)), sine: fround(Math.sin(folded)) };
}

/** Traces one ray after the other into `cells` (row-major indexes) and `lengths`. */
export class RayTracer {
  readonly cells: Int32Array;
  readonly lengths: Float32Array;
  readonly #grid: GridShape;
  readonly #gridX: Float32Array;
  readonly #gridY: Float32Array;
  /** Crossings with the lines of constant y (a) and of constant x (b), then all in order (c). */
  readonly #ax: Float32Array;
  readonly #ay: Float32Array;
  readonly #by: Float32Array;
  readonly #bx: Float32Array;
  readonly #cx: Float32Array;
  readonly #cy: Float32Array;

  constructor(grid: GridShape) {
    const { rows, columns } = grid;
    this.#grid = grid;
    this.#gridX = Float32Array.from({ length: rows + 1 }, (_, i) => i - rows / 2);
    this.#gridY = Float32Array.from({ length: columns + 1 }, (_, i) => i - columns / 2);
    const count = rows + columns + 2;
    this.cells = new Int32Array(count);
    this.lengths = new Float32Array(count);
    this.#ax = new Float32Array(columns + 1);
    this.#ay = new Float32Array(columns + 1);
    this.#bx = new Float32Array(rows + 1);
    this.#by = new Float32Array(rows + 1);
    this.#cx = new Float32Array(count);
    this.#cy = new Float32Array(count);
  }

  /** Returns the number of cells met. */
  trace(distance: number, cosine: number, sine: number): number {
    const { rows, columns } = this.#grid;
    const far = -rows - columns;
    const sourceX = fround(fround(far * cosine) - fround(distance * sine));
    const sourceY = fround(fround(far * sine) + fround(distance * cosine));
    const endX = fround(fround(-far * cosine) - fround(distance * sine));
    const endY = fround(fround(-far * sine) + fround(distance * cosine));
    const spanX = fround(sourceX - endX);
    const spanY = fround(sourceY - endY);
    const a = crossings(this.#gridY, { slope: fround(spanX / spanY), from: sourceY, to: sourceX }, this.#gridX, {
      along: this.#ay,
      across: this.#ax,
    });
    const b = crossings(this.#gridX, { slope: fround(spanY / spanX), from: sourceX, to: sourceY }, this.#gridY, {
      along: this.#bx,
      across: this.#by,
    });
    const rising = cosine * sine >= 0;
    const count = this.#merge(a, b, rising);
    return this.#measure(count);
  }

  /** Both lists have growing x, or the first a falling one: merged by x into c. */
  #merge(aCount: number, bCount: number, rising: boolean): number {
    const [ax, ay, bx, by, cx, cy] = [this.#ax, this.#ay, this.#bx, this.#by, this.#cx, this.#cy];
    const step = rising ? 1 : -1;
    let i = rising ? 0 : aCount - 1;
    const iEnd = rising ? aCount : -1;
    let j = 0;
    let k = 0;
    for (; i !== iEnd || j < bCount; k++) {
      if (j >= bCount || (i !== iEnd && (ax[i] as number) < (bx[j] as number))) {
        cx[k] = ax[i] as number;
        cy[k] = ay[i] as number;
        i += step;
      } else {
        cx[k] = bx[j] as number;
        cy[k] = by[j] as number;
        j++;
      }
    }
    return k;
  }

  /** The cell of each piece between two crossings is the one around its middle. */
  #measure(crossingCount: number): number {
    const [cx, cy, cells, lengths] = [this.#cx, this.#cy, this.cells, this.lengths];
    const { rows, columns } = this.#grid;
    const count = Math.max(0, crossingCount - 1);
    for (let k = 0; k < count; k++) {
      const dx = (cx[k + 1] as number) - (cx[k] as number);
      const dy = (cy[k + 1] as number) - (cy[k] as number);
      lengths[k] = Math.sqrt(dx * dx + dy * dy);
      cells[k] = cellBetween(cx, k, rows) * columns + cellBetween(cy, k, columns);
    }
    return count;
  }
}

/** The cell around the middle of two crossings. A ray may run along a line: which side it is on is TomoPy's rounding. */
function cellBetween(crossed: Float32Array, k: number, cells: number): number {
  const middle = fround(0.5 * fround((crossed[k + 1] as number) + (crossed[k] as number)));
  return Math.floor(fround(middle + 0.5 * cells));
}

/** Crossings of a ray with all `lines` of one direction; those outside the grid's other borders are left out. */
function crossings(
  lines: Float32Array,
  { slope, from, to }: { readonly slope: number; readonly from: number; readonly to: number },
  borders: Float32Array,
  { along, across }: { readonly along: Float32Array; readonly across: Float32Array },
): number {
  const low = fround((borders[0] as number) + borderMargin);
  const high = fround((borders[borders.length - 1] as number) - borderMargin);
  let count = 0;
  for (let n = 0; n < lines.length; n++) {
    const at = fround(fround(slope * fround((lines[n] as number) - from)) + to);
    if (at >= low && at <= high) {
      along[count] = lines[n] as number;
      across[count] = at;
      count++;
    }
  }
  return count;
}
