// Background, noise and excess of one tile of a frame, four pixels at a time: find-peaks.ts says what is computed. A median is found without sorting: among
// integers in the order of the numbers, by halving the span in which it lies and counting what is below.

export function memoryStart(): usize {
  return (__heap_base + 63) & ~63;
}

const noiseMin: f32 = 1;

/**
 * `frame`, `values` and `noise` point at the tile's first pixel of rows `pitch` bytes apart; `finite` and `keys` have room for the tile's pixels and three more.
 * Writes what stands out by more than `threshold` noises to `values`, else 0.
 */
export function measureTile(
  frame: usize, pitch: usize, rows: i32, columns: i32, threshold: f32, values: usize, noise: usize, finite: usize, keys: usize,
): void {
  const count = takeFinite(frame, pitch, rows, columns, finite);
  const background = medianOf(finite, count, keys);
  const end = finite + (count << 2);
  for (let at = finite; at < end; at += 16) {
    v128.store(at, f32x4.abs(f32x4.sub(v128.load(at), f32x4.splat(background))));
  }
  const level = max(noiseMin, f32(1.4826) * medianOf(finite, count, keys));
  for (let row = 0; row < rows; row++, frame += pitch, values += pitch, noise += pitch) {
    markRow(frame, columns, background, level, threshold * level, values, noise);
  }
}

/** Copies the finite pixels of a tile to one place, and returns their number. */
function takeFinite(frame: usize, pitch: usize, rows: i32, columns: i32, to: usize): i32 {
  const begin = to;
  for (let row = 0; row < rows; row++, frame += pitch) {
    const end = frame + (columns << 2);
    for (let at = frame; at < end; at += 4) {
      const value = f32.load(at);
      f32.store(to, value);
      if (value - value == 0) to += 4;
    }
  }
  return i32((to - begin) >> 2);
}

/** The value at place count / 2 of the sorted ones; 0 of none. */
function medianOf(values: usize, count: i32, keys: usize): f32 {
  if (count == 0) return 0;
  const end = keys + (count << 2);
  for (let at: usize = 0; at < usize(count << 2); at += 16) {
    const bits = v128.load(values + at);
    // Negative numbers have their bits the other way round.
    const flip = v128.and(i32x4.shr_s(bits, 31), i32x4.splat(0x7fffffff));
    v128.store(keys + at, v128.xor(bits, flip));
  }
  // What fills the last vector lies above every number.
  for (let at = end; at < ((end + 15) & ~15); at += 4) i32.store(at, 0x7fffffff);
  const place = count >> 1;
  let low: i64 = i64(i32.MIN_VALUE);
  let high: i64 = i64(i32.MAX_VALUE);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (countUpTo(keys, end, i32(middle)) > place) high = middle;
    else low = middle + 1;
  }
  const key = i32(low);
  return reinterpret<f32>(key ^ ((key >> 31) & 0x7fffffff));
}

function countUpTo(keys: usize, end: usize, limit: i32): i32 {
  const limits = i32x4.splat(limit);
  let above = i32x4.splat(0);
  let vectors = 0;
  for (let at = keys; at < end; at += 16, vectors++) above = i32x4.add(above, i32x4.gt_s(v128.load(at), limits));
  const sum = i32x4.extract_lane(above, 0) + i32x4.extract_lane(above, 1) + i32x4.extract_lane(above, 2) + i32x4.extract_lane(above, 3);
  return (vectors << 2) + sum;
}

function markRow(frame: usize, columns: i32, background: f32, level: f32, limit: f32, values: usize, noise: usize): void {
  const limits = f32x4.splat(limit);
  let column = 0;
  for (; column + 4 <= columns; column += 4, frame += 16, values += 16, noise += 16) {
    const above = f32x4.sub(v128.load(frame), f32x4.splat(background));
    const isFinite = f32x4.eq(f32x4.sub(above, above), f32x4.splat(0));
    v128.store(values, v128.and(above, v128.and(f32x4.gt(above, limits), isFinite)));
    v128.store(noise, f32x4.splat(level));
  }
  for (; column < columns; column++, frame += 4, values += 4, noise += 4) {
    const above = f32.load(frame) - background;
    f32.store(values, above - above == 0 && above > limit ? above : 0);
    f32.store(noise, level);
  }
}
