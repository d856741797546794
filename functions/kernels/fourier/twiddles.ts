// The factors of fft.as.ts, all stages but the last in one table: for each butterfly re of w, w^2, w^3, a gap, then (-im, im) of each.

/** For a power-of-two length >= 16. */
export function packTwiddles(length: number): Float32Array<ArrayBuffer> {
  const packed: number[] = [];
  for (let rest = length; rest > 8; rest /= 4) {
    for (let p = 0; p < rest / 4; p++) {
      const factors = [1, 2, 3].map((power) => (-2 * Math.PI * p * power) / rest);
      packed.push(...factors.map(Math.cos), 0);
      for (const angle of factors) packed.push(-Math.sin(angle), Math.sin(angle));
    }
  }
  return Float32Array.from(packed);
}
