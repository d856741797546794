// The middle of a ray (ray.as.ts): between two lines of its major axis lies one piece or two, and four such slabs are worked out at once.

/** 2^23: added to a smaller whole number, it leaves that in the low bits. Cheaper than a conversion, which looks out for NaN and overflow. */
const wholeNumbers: f32 = 8_388_608;

/**
 * The pieces between lines `from` and `to` of p, all of them inside; written from `piece` on. Returns where they end. `crossings` are those
 * with the lines of p, the slopes are q for p and p for q, and a step along either axis is so many bytes of the picture.
 */
export function slabs(
  from: i32, to: i32, piece: usize, crossings: usize, slope: f32, inverseSlope: f32,
  pHalf: f32, qHalf: f32, pSource: f32, qSource: f32, pStep: i32, qStep: i32,
): usize {
  // Crossings rise or fall with p, rounded as they are: two loops, in each of which it is known which of two cells comes first.
  return slope >= 0
    ? slabsOf(true, from, to, piece, crossings, slope, inverseSlope, pHalf, qHalf, pSource, qSource, pStep, qStep)
    : slabsOf(false, from, to, piece, crossings, slope, inverseSlope, pHalf, qHalf, pSource, qSource, pStep, qStep);
}

// @ts-expect-error: decorators of AssemblyScript.
@inline
function slabsOf(
  rising: bool, from: i32, to: i32, piece: usize, crossings: usize, slope: f32, inverseSlope: f32,
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
  const nextQ = i32x4.splat(rising ? qStep : -qStep);
  const whole = f32x4.splat(wholeNumbers);
  let slab = i32x4(from * pStep, (from + 1) * pStep, (from + 2) * pStep, (from + 3) * pStep);
  const slabStep = i32x4.splat(pStep << 2);
  let source = toSlab;
  let at = crossings + (from << 2);
  let first = piece;
  let second = piece;
  let third = piece;
  let n = from;
  for (; n < to; n += 4, at += 16) {
    const leave = f32x4.floor(f32x4.add(v128.load(at, 4), halfQ));
    // At 45 degrees rounding may put both ends of a slab just outside of one cell, which would be two cells apart.
    const entered = f32x4.floor(f32x4.add(v128.load(at), halfQ));
    const enter = rising ? f32x4.max(entered, f32x4.sub(leave, one)) : f32x4.min(entered, f32x4.add(leave, one));
    const line = f32x4.sub(rising ? leave : enter, halfQ);
    const part = f32x4.add(f32x4.mul(inverse, f32x4.sub(line, sourceQ)), source);
    const crossed = f32x4.ne(enter, leave);
    // Not crossed: all of the slab belongs to the first piece. All bits are NaN, which pmin turns into its first number.
    const share = f32x4.pmax(zero, f32x4.pmin(one, v128.or(part, v128.not(crossed))));
    const before = f32x4.mul(length, share);
    const after = f32x4.sub(length, before);
    const cell = i32x4.add(slab, i32x4.mul(v128.xor(f32x4.add(enter, whole), whole), stepQ));
    const nextCell = i32x4.add(cell, v128.and(crossed, nextQ));
    const low1 = i8x16.shuffle(cell, before, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const high1 = i8x16.shuffle(cell, before, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    const low2 = i8x16.shuffle(nextCell, after, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const high2 = i8x16.shuffle(nextCell, after, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    // Each slab's second piece is written, too; where there is none, the next slab's first one takes its place.
    const two = i32x4.bitmask(crossed);
    first = piece + 8 + ((two & 1) << 3);
    second = first + 8 + ((two & 2) << 2);
    third = second + 8 + ((two & 4) << 1);
    v128.store(piece, i8x16.shuffle(low1, low2, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
    v128.store(first, i8x16.shuffle(low1, low2, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
    v128.store(second, i8x16.shuffle(high1, high2, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
    v128.store(third, i8x16.shuffle(high1, high2, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
    piece = third + 8 + (two & 8);
    slab = i32x4.add(slab, slabStep);
    source = f32x4.sub(source, f32x4.splat(4));
  }
  // Of the last four the slabs behind `to` do not count.
  const behind = n - to;
  return behind == 1 ? third : behind == 2 ? second : behind == 3 ? first : piece;
}
