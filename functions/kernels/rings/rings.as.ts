// Stripes out of a sinogram, four columns at a time: remove-rings.ts says what is computed. Columns are sorted by a bitonic network, whose steps are the
// same for every column; the median of a window keeps half of it and drops the least and the largest of them as each further value comes.

export function memoryStart(): usize {
  return (__heap_base + 63) & ~63;
}

/**
 * Sorts `count` values (a power of two) of each of four columns, with the angle that each came from: 16 bytes a rank in `values` and in `origins`. Of equal
 * values the earlier angle comes first.
 */
export function sortColumns(values: usize, origins: usize, count: i32): void {
  for (let block = 2; block <= count; block <<= 1) {
    for (let step = block >> 1; step > 0; step >>= 1) {
      for (let i = 0; i < count; i++) {
        const j = i ^ step;
        if (j > i) order(values, origins, i << 4, j << 4, (i & block) == 0);
      }
    }
  }
}

// @ts-expect-error: decorators of AssemblyScript.
@inline
function order(values: usize, origins: usize, i: usize, j: usize, rising: bool): void {
  const a = v128.load(values + i);
  const b = v128.load(values + j);
  const fromA = v128.load(origins + i);
  const fromB = v128.load(origins + j);
  const later = v128.and(f32x4.eq(a, b), i32x4.gt_s(fromA, fromB));
  const isAfter = v128.or(f32x4.gt(a, b), later);
  const swap = rising ? isAfter : v128.not(isAfter);
  v128.store(values + i, v128.bitselect(b, a, swap));
  v128.store(values + j, v128.bitselect(a, b, swap));
  v128.store(origins + i, v128.bitselect(fromB, fromA, swap));
  v128.store(origins + j, v128.bitselect(fromA, fromB, swap));
}

/**
 * Medians of the windows of `width` values (odd) that begin at each of `count` places of a row, a multiple of four; `kept` has room for width / 2 + 2
 * vectors.
 */
export function medians(row: usize, width: i32, count: i32, to: usize, kept: usize): void {
  for (let at = 0; at < count; at += 4, row += 16, to += 16) v128.store(to, median(row, width, kept));
}

function median(row: usize, width: i32, kept: usize): v128 {
  if (width == 1) return v128.load(row);
  // Of so many the least and the largest cannot be the median, whatever is still to come.
  let size = (width >> 1) + 2;
  for (let i = 0; i < size; i++) v128.store(kept + (i << 4), v128.load(row + (i << 2)));
  dropOutermost(kept, size);
  for (let next = row + (size << 2); size > 3; next += 4) {
    v128.store(kept, v128.load(next));
    dropOutermost(kept, --size);
  }
  return v128.load(kept, 16);
}

/** Leaves all but the least and the largest at places 1 .. size - 2. */
// @ts-expect-error: decorators of AssemblyScript.
@inline
function dropOutermost(kept: usize, size: i32): void {
  const first = v128.load(kept);
  const second = v128.load(kept, 16);
  let least = f32x4.pmin(first, second);
  let largest = f32x4.pmax(second, first);
  const end = kept + (size << 4);
  for (let at = kept + 32; at < end; at += 16) {
    const value = v128.load(at);
    const upper = f32x4.pmax(value, least);
    least = f32x4.pmin(least, value);
    v128.store(at - 16, f32x4.pmin(upper, largest));
    largest = f32x4.pmax(largest, upper);
  }
}
