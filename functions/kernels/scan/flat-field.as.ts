// From counts to line integrals, four pixels at a time: flat-field.ts says what is computed.

export function memoryStart(): usize {
  return (__heap_base + 63) & ~63;
}

/** Pixels come in fours, the last ones padded. `frame` holds u16 counts where `isWide` is false, else f32. */
export function makeLines(frame: usize, isWide: bool, dark: usize, flat: usize, lines: usize, count: i32): void {
  const beamMin = f32x4.splat(1e-6);
  const transmissionMin = f32x4.splat(1e-6);
  for (let i = 0; i < count; i += 4, dark += 16, flat += 16, lines += 16) {
    const counts = isWide ? v128.load(frame) : f32x4.convert_i32x4_u(v128.load16x4_u(frame));
    frame += isWide ? 16 : 8;
    const zero = v128.load(dark);
    const beam = f32x4.max(f32x4.sub(v128.load(flat), zero), beamMin);
    const transmission = f32x4.div(f32x4.sub(counts, zero), beam);
    v128.store(lines, minusLog(f32x4.max(transmission, transmissionMin)));
  }
}

/**
 * Of positive numbers: x = 2^e m with m around 1, log m = 2 artanh((m - 1) / (m + 1)), of whose series five terms are left over 7e-10. NaN and
 * infinity stay what they are, with another sign.
 */
// @ts-expect-error: decorators of AssemblyScript.
@inline
function minusLog(x: v128): v128 {
  const exponent = i32x4.shr_s(i32x4.sub(x, i32x4.splat(0x3f3504f3)), 23);
  const m = i32x4.sub(x, i32x4.shl(exponent, 23));
  const s = f32x4.div(f32x4.sub(m, f32x4.splat(1)), f32x4.add(m, f32x4.splat(1)));
  const square = f32x4.mul(s, s);
  let series = f32x4.splat(2.0 / 9.0);
  series = f32x4.add(f32x4.mul(series, square), f32x4.splat(2.0 / 7.0));
  series = f32x4.add(f32x4.mul(series, square), f32x4.splat(2.0 / 5.0));
  series = f32x4.add(f32x4.mul(series, square), f32x4.splat(2.0 / 3.0));
  series = f32x4.add(f32x4.mul(series, square), f32x4.splat(2));
  const log = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(exponent), f32x4.splat(0.6931471805599453)), f32x4.mul(s, series));
  const isFinite = f32x4.eq(f32x4.sub(x, x), f32x4.splat(0));
  return f32x4.neg(v128.bitselect(log, x, isFinite));
}
