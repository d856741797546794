// Points to their nearest centres, two centres a vector, in f64: the sums of streaming-kmeans.ts to the last bit, because each distance is added up in
// the same order.

export function memoryStart(): usize {
  return (__heap_base + 63) & ~63;
}

/**
 * Adds `count` points to the sums and counts of their nearest centres; returns the sum of squared distances. `centres` holds `pairs` vectors an axis
 * (a last odd one is filled up with infinity); `sums` has `dimensions` values a centre.
 */
export function addPoints(
  points: usize, count: i32, dimensions: i32, centres: usize, pairs: i32, sums: usize, counts: usize,
): f64 {
  let cost: f64 = 0;
  const pointBytes = <usize>dimensions << 3;
  for (let point = 0; point < count; point++, points += pointBytes) {
    let least = f64x2.splat(Infinity);
    let nearest = i64x2.splat(0);
    for (let pair = 0; pair < pairs; pair++) {
      const distance = distances(points, centres + (pair << 4), dimensions, pairs);
      const closer = f64x2.lt(distance, least);
      least = v128.bitselect(distance, least, closer);
      nearest = v128.bitselect(i64x2.splat(pair), nearest, closer);
    }
    const even = f64x2.extract_lane(least, 0);
    const odd = f64x2.extract_lane(least, 1);
    const evenCentre = i32(i64x2.extract_lane(nearest, 0)) << 1;
    const oddCentre = (i32(i64x2.extract_lane(nearest, 1)) << 1) + 1;
    // Of equally near ones the first.
    const centre = even < odd || (even == odd && evenCentre < oddCentre) ? evenCentre : oddCentre;
    cost += min(even, odd);
    f64.store(counts + (centre << 3), f64.load(counts + (centre << 3)) + 1);
    let sum = sums + <usize>centre * pointBytes;
    for (let at = points; at < points + pointBytes; at += 8, sum += 8) f64.store(sum, f64.load(sum) + f64.load(at));
  }
  return cost;
}

/** From one point to two centres, squared. */
// @ts-expect-error: decorators of AssemblyScript.
@inline
function distances(point: usize, centre: usize, dimensions: i32, pairs: i32): v128 {
  let distance = f64x2.splat(0);
  const step = <usize>pairs << 4;
  const end = point + (<usize>dimensions << 3);
  for (; point < end; point += 8, centre += step) {
    const difference = f64x2.sub(v128.load64_splat(point), v128.load(centre));
    distance = f64x2.add(distance, f64x2.mul(difference, difference));
  }
  return distance;
}
