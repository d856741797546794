// The middle of a ray (ray.as.ts): between two lines of its major axis lies one piece or two, and four such slabs are worked out at once.

/**
 * The pieces between lines `from` and `to` of p, all of them inside; written from `piece` on. Returns where they end. `crossings` are those
 * with the lines of p, the slopes are q for p and p for q, and a step along either axis is so many bytes of the picture.
 */
export function slabs(
  from: i32, to: i32, piece: usize, crossings: usize, slope: f32, inverseSlope: f32,
  pHalf: f32, qHalf: f32, pSource: f32, qSource: f32, pStep: i32, qStep: i32,
): usize {
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
    v128.store(piece, i8x16.shuffle(low1, low2, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
    piece += i32x4.extract_lane(pieceCounts, 0) << 3;
    if (n + 1 < to) {
      v128.store(piece, i8x16.shuffle(low1, low2, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
      piece += i32x4.extract_lane(pieceCounts, 1) << 3;
    }
    if (n + 2 < to) {
      v128.store(piece, i8x16.shuffle(high1, high2, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
      piece += i32x4.extract_lane(pieceCounts, 2) << 3;
    }
    if (n + 3 < to) {
      v128.store(piece, i8x16.shuffle(high1, high2, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
      piece += i32x4.extract_lane(pieceCounts, 3) << 3;
    }
    slab = i32x4.add(slab, slabStep);
    source = f32x4.sub(source, f32x4.splat(4));
  }
  return piece;
}
