// The pieces of a ray in the cells it meets. rays.ts says what they are; here they are found without sorting crossings:
// a ray crosses each line of its major axis (rows where |cos| >= |sin|) once, and between two of them at most one line of the other axis.
// So the slab between two lines holds one piece or two, and four slabs are worked out at once. Only at the ends of a ray, where crossings near
// the border are left out, are pieces taken one by one (`walkTo`).

/** Bytes of a piece of a ray: the cell's place in the picture, and the length. */
export const pieceBytes: usize = 8;
const borderMargin: f32 = 0.01;

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
  if (Mathf.abs(cosine) >= Mathf.abs(sine)) {
    orient(rows, columns, pitch, lanes << 2, sourceX, sourceY);
    slope = spanY / spanX;
    inverseSlope = spanX / spanY;
  } else {
    orient(columns, rows, lanes << 2, pitch, sourceY, sourceX);
    slope = spanX / spanY;
    inverseSlope = spanY / spanX;
  }
  piece = pieces;
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
  slabs(first + 1, last - 1);
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

/** The pieces between lines `from` and `to` of p, all of them inside. */
function slabs(from: i32, to: i32): void {
  const length = f32x4.splat(Mathf.sqrt(1 + slope * slope));
  const halfQ = f32x4.splat(qHalf);
  const sourceQ = f32x4.splat(qSource);
  const inverse = f32x4.splat(inverseSlope);
  const toSlab = f32x4(pHalf + pSource - f32(from), pHalf + pSource - f32(from + 1), pHalf + pSource - f32(from + 2), pHalf + pSource - f32(from + 3));
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const stepQ = i32x4.splat(qStep);
  let slab = i32x4(from * pStep, (from + 1) * pStep, (from + 2) * pStep, (from + 3) * pStep);
  const slabStep = i32x4.splat(pStep << 2);
  let source = toSlab;
  let at = crossings + (from << 2);
  let to_ = piece;
  for (let n = from; n < to; n += 4, at += 16) {
    const leave = f32x4.floor(f32x4.add(v128.load(at, 4), halfQ));
    // At 45 degrees rounding may put both ends of a slab just outside of one cell, which would be two cells apart.
    const entered = f32x4.floor(f32x4.add(v128.load(at), halfQ));
    const enter = f32x4.max(f32x4.min(entered, f32x4.add(leave, one)), f32x4.sub(leave, one));
    const line = f32x4.sub(f32x4.max(enter, leave), halfQ);
    const part = f32x4.add(f32x4.mul(inverse, f32x4.sub(line, sourceQ)), source);
    const crossed = f32x4.ne(enter, leave);
    // Not crossed: all of the slab belongs to the first piece. pmin and pmax also turn NaN into a number.
    const share = v128.bitselect(f32x4.pmin(one, f32x4.pmax(zero, part)), one, crossed);
    const before = f32x4.mul(length, share);
    const after = f32x4.sub(length, before);
    const cell = i32x4.add(slab, i32x4.mul(i32x4.trunc_sat_f32x4_s(enter), stepQ));
    const nextCell = i32x4.add(slab, i32x4.mul(i32x4.trunc_sat_f32x4_s(leave), stepQ));
    const low1 = i8x16.shuffle(cell, before, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const high1 = i8x16.shuffle(cell, before, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    const low2 = i8x16.shuffle(nextCell, after, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const high2 = i8x16.shuffle(nextCell, after, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    const pieceCounts = i32x4.sub(i32x4.splat(1), crossed);
    v128.store(to_, i8x16.shuffle(low1, low2, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
    to_ += i32x4.extract_lane(pieceCounts, 0) << 3;
    if (n + 1 < to) {
      v128.store(to_, i8x16.shuffle(low1, low2, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
      to_ += i32x4.extract_lane(pieceCounts, 1) << 3;
    }
    if (n + 2 < to) {
      v128.store(to_, i8x16.shuffle(high1, high2, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
      to_ += i32x4.extract_lane(pieceCounts, 2) << 3;
    }
    if (n + 3 < to) {
      v128.store(to_, i8x16.shuffle(high1, high2, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
      to_ += i32x4.extract_lane(pieceCounts, 3) << 3;
    }
    slab = i32x4.add(slab, slabStep);
    source = f32x4.sub(source, f32x4.splat(4));
  }
  piece = to_;
}
