// The pieces of a ray in the cells it meets. rays.ts says what they are; here they are found without sorting crossings:
// a ray crosses each line of its major axis (rows where |cos| >= |sin|) once, and between two of them at most one line of the other axis.
// So the slab between two lines holds one piece or two, and four slabs are worked out at once. Only at the ends of a ray, where crossings near
// the border are left out, are pieces taken one by one (`walkTo`), and of rays that may run along a line (`walkSorted`).
import { slabs } from './slabs.as';

/** Bytes of a piece of a ray: the cell's place in the picture, and the length. */
export const pieceBytes: usize = 8;
const borderMargin: f32 = 0.01;
/** A ray that moves less than this across the picture is parallel to its lines but for rounding, and may run along one. */
const alongLine: f32 = 0.001;

let rows: i32 = 0;
let columns: i32 = 0;
let lanes: i32 = 0;
let pitch: i32 = 0;
let crossings: usize = 0;
/** Where the pieces of the last ray lie. */
export let pieces: usize = 0;

/** A cell takes `lanes` values of 4 bytes; `crossings` has room for max(rows, columns) + 8 values, `pieces_` for 2 (rows + columns) + 16 pieces. */
export function configureRays(rows_: i32, columns_: i32, lanes_: i32, pitch_: i32, crossings_: usize, pieces_: usize): void {
  rows = rows_;
  columns = columns_;
  lanes = lanes_;
  pitch = pitch_;
  crossings = crossings_;
  pieces = pieces_;
}

// The ray in terms of its major axis p and the other one, q; a step along either is so many bytes of the picture.
let pCells: i32 = 0;
let qCells: i32 = 0;
let pStep: i32 = 0;
let qStep: i32 = 0;
let pHalf: f32 = 0;
let qHalf: f32 = 0;
let pSource: f32 = 0;
let qSource: f32 = 0;
let slope: f32 = 0;
let inverseSlope: f32 = 0;
let pLow: f32 = 0;
let pHigh: f32 = 0;

// The walk along single crossings: where the last one was, the next line of each axis, and where the next piece is written.
let atP: f32 = 0;
let atQ: f32 = 0;
let nextP: i32 = 0;
let nextQ: i32 = 0;
let qDirection: i32 = 0;
let piece: usize = 0;

/** Writes the pieces of a ray and returns where they end. */
export function trace(distance: f32, cosine: f32, sine: f32): usize {
  const far = -f32(rows) - f32(columns);
  const sourceX = far * cosine - distance * sine;
  const sourceY = far * sine + distance * cosine;
  const spanX = sourceX - (-far * cosine - distance * sine);
  const spanY = sourceY - (-far * sine + distance * cosine);
  piece = pieces;
  if (Mathf.min(Mathf.abs(cosine), Mathf.abs(sine)) * -far < alongLine) {
    orient(rows, columns, pitch, lanes << 2, sourceX, sourceY);
    slope = spanY / spanX;
    inverseSlope = spanX / spanY;
    walkSorted(cosine * sine >= 0);
    return piece;
  }
  if (Mathf.abs(cosine) >= Mathf.abs(sine)) {
    orient(rows, columns, pitch, lanes << 2, sourceX, sourceY);
    slope = spanY / spanX;
    inverseSlope = spanX / spanY;
  } else {
    orient(columns, rows, lanes << 2, pitch, sourceY, sourceX);
    slope = spanX / spanY;
    inverseSlope = spanY / spanX;
  }
  crossLines();
  const low = borderMargin - qHalf;
  const high = qHalf - borderMargin;
  const rising = slope >= 0;
  qDirection = rising ? 1 : -1;
  const first = rising ? firstAtLeast(low) : firstAtMost(high);
  const last = rising ? lastAtMost(high) : lastAtLeast(low);
  if (first > last) walkAcross();
  else walkAlong(first, last);
  return piece;
}

function orient(pCells_: i32, qCells_: i32, pStep_: i32, qStep_: i32, pSource_: f32, qSource_: f32): void {
  pCells = pCells_;
  qCells = qCells_;
  pStep = pStep_;
  qStep = qStep_;
  pHalf = f32(pCells_) * 0.5;
  qHalf = f32(qCells_) * 0.5;
  pSource = pSource_;
  qSource = qSource_;
  pLow = borderMargin - pHalf;
  pHigh = pHalf - borderMargin;
}

/** Where the ray crosses each line of the major axis. */
function crossLines(): void {
  const slopes = f32x4.splat(slope);
  const sources = f32x4.splat(pSource);
  const targets = f32x4.splat(qSource);
  let lines = f32x4(-pHalf, 1 - pHalf, 2 - pHalf, 3 - pHalf);
  let to = crossings;
  for (let n = 0; n <= pCells; n += 4, to += 16) {
    v128.store(to, f32x4.add(f32x4.mul(slopes, f32x4.sub(lines, sources)), targets));
    lines = f32x4.add(lines, f32x4.splat(4));
  }
}

// @ts-expect-error: decorators of AssemblyScript.
@inline
function crossing(n: i32): f32 {
  return f32.load(crossings + (n << 2));
}

/** Where q reaches a value, as a line of p; a guess that the searches below put right. */
function guess(q: f32): i32 {
  const n = (q - crossing(0)) / slope;
  return n > 0 ? (n < f32(pCells) ? i32(n) : pCells) : 0;
}

function firstAtLeast(q: f32): i32 {
  let n = guess(q);
  while (n > 0 && crossing(n - 1) >= q) n--;
  while (n <= pCells && !(crossing(n) >= q)) n++;
  return n;
}

function firstAtMost(q: f32): i32 {
  let n = guess(q);
  while (n > 0 && crossing(n - 1) <= q) n--;
  while (n <= pCells && !(crossing(n) <= q)) n++;
  return n;
}

function lastAtMost(q: f32): i32 {
  let n = guess(q);
  while (n < pCells && crossing(n + 1) <= q) n++;
  while (n >= 0 && !(crossing(n) <= q)) n--;
  return n;
}

function lastAtLeast(q: f32): i32 {
  let n = guess(q);
  while (n < pCells && crossing(n + 1) >= q) n++;
  while (n >= 0 && !(crossing(n) >= q)) n--;
  return n;
}

/** Where the ray crosses line m of the minor axis. */
// @ts-expect-error: decorators of AssemblyScript.
@inline
function crossingP(m: i32): f32 {
  return inverseSlope * (f32(m) - qHalf - qSource) + pSource;
}

// @ts-expect-error: decorators of AssemblyScript.
@inline
function counts(m: i32): bool {
  if (m < 0 || m > qCells) return false;
  const p = crossingP(m);
  return p >= pLow && p <= pHigh;
}

/**
 * A ray that may run along a line, as rays.ts does it: all crossings in the order of p, where rounding decides on which side of the line they
 * lie and which comes first.
 */
function walkSorted(rising: bool): void {
  const low = borderMargin - qHalf;
  const high = qHalf - borderMargin;
  const step = rising ? 1 : -1;
  let m = rising ? 0 : qCells;
  let started = false;
  for (let n = 0; ; ) {
    while (m >= 0 && m <= qCells && !counts(m)) m += step;
    while (n <= pCells && !(crossingQ(n) >= low && crossingQ(n) <= high)) n++;
    const onQ = counts(m);
    if (!onQ && n > pCells) return;
    const onLine = f32(n) - pHalf;
    const takesQ = onQ && (n > pCells || crossingP(m) < onLine);
    const p = takesQ ? crossingP(m) : onLine;
    const q = takesQ ? f32(m) - qHalf : crossingQ(n);
    if (started) addPiece(p, q);
    atP = p;
    atQ = q;
    started = true;
    if (takesQ) m += step;
    else n++;
  }
}

/** Where the ray crosses line n of the major axis. */
// @ts-expect-error: decorators of AssemblyScript.
@inline
function crossingQ(n: i32): f32 {
  return slope * (f32(n) - pHalf - pSource) + qSource;
}

/** A ray that crosses no line of its major axis within the borders: at most a corner's width of it lies inside. */
function walkAcross(): void {
  let m = qDirection > 0 ? 0 : qCells;
  while (m >= 0 && m <= qCells && !counts(m)) m += qDirection;
  if (!counts(m)) return;
  atP = crossingP(m);
  atQ = f32(m) - qHalf;
  for (m += qDirection; counts(m); m += qDirection) addPiece(crossingP(m), f32(m) - qHalf);
}

/** A ray that crosses the lines first .. last of its major axis: single pieces at both ends, slabs between. */
function walkAlong(first: i32, last: i32): void {
  nextQ = lineBefore(crossing(first));
  while (counts(nextQ - qDirection)) nextQ -= qDirection;
  while (nextQ >= 0 && nextQ <= qCells && !(crossingP(nextQ) >= pLow)) nextQ += qDirection;
  nextP = first;
  const start = f32(first) - pHalf;
  if (counts(nextQ) && crossingP(nextQ) < start) {
    atP = crossingP(nextQ);
    atQ = f32(nextQ) - qHalf;
    nextQ += qDirection;
  } else {
    atP = start;
    atQ = crossing(first);
    nextP++;
  }
  if (last - first < 6) {
    walkTo(last, last);
    return;
  }
  walkTo(first + 1, last);
  piece = slabs(
    first + 1, last - 1, piece, crossings, slope, inverseSlope, pHalf, qHalf, pSource, qSource, pStep, qStep,
  );
  nextP = last;
  atP = f32(last - 1) - pHalf;
  atQ = crossing(last - 1);
  nextQ = lineBefore(atQ);
  skipQ(atP);
  walkTo(last, last);
}

/** Leaves out the lines of q that were crossed up to `p`. Parallel lines (infinite, NaN) are never crossed. */
function skipQ(p: f32): void {
  while (nextQ >= 0 && nextQ <= qCells && !(crossingP(nextQ) > p)) nextQ += qDirection;
}

/** The last line of q at or before a value, in the ray's direction. */
// @ts-expect-error: decorators of AssemblyScript.
@inline
function lineBefore(q: f32): i32 {
  const m = i32(qDirection > 0 ? Mathf.floor(q + qHalf) : Mathf.ceil(q + qHalf));
  return max(0, min(qCells, m));
}

/** Adds the pieces up to line `to` of p; after the last line also those behind it. */
function walkTo(to: i32, last: i32): void {
  while (true) {
    const onQ = counts(nextQ);
    const p = onQ ? crossingP(nextQ) : f32.MAX_VALUE;
    if (nextP <= to && !(p < f32(nextP) - pHalf)) {
      addPiece(f32(nextP) - pHalf, crossing(nextP));
      nextP++;
      if (nextP > to && to < last) return;
    } else if (onQ) {
      addPiece(p, f32(nextQ) - qHalf);
      nextQ += qDirection;
    } else {
      return;
    }
  }
}

/** From the last crossing to this one: the cell around the middle. */
function addPiece(p: f32, q: f32): void {
  const dp = p - atP;
  const dq = q - atQ;
  const cellP = i32(Mathf.floor((p + atP) * 0.5 + pHalf));
  const cellQ = i32(Mathf.floor((q + atQ) * 0.5 + qHalf));
  i32.store(piece, cellP * pStep + cellQ * qStep);
  f32.store(piece, Mathf.sqrt(dp * dp + dq * dq), 4);
  piece += pieceBytes;
  atP = p;
  atQ = q;
}
