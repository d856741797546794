// Quadrature weights of projection angles: the part of a half turn each angle stands for, so that irregular angles, both ends
// of 0..180 degrees and continuous 360-degree scans are integrated as they lie. Sum = pi when the half turn is covered.

/** A gap this many times the median gap is a missing wedge, not an angle's share: no projection may stand for it. */
const wedgeGapsMin = 8;

/** Weights in radians, one an angle. Opposite angles (theta and theta + pi) hold the same lines and share one weight. */
export function angleWeights(theta: Float64Array): Float64Array {
  const count = theta.length;
  const folded = theta.map((angle) => angle - Math.PI * Math.floor(angle / Math.PI));
  const order = Uint32Array.from(folded.keys()).sort((a, b) => (folded[a] as number) - (folded[b] as number));
  const gaps = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const here = folded[order[i] as number] as number;
    const next =
      i + 1 < count ? (folded[order[i + 1] as number] as number) : (folded[order[0] as number] as number) + Math.PI;
    gaps[i] = next - here;
  }
  const capped = capWedges(gaps);
  const weights = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    weights[order[i] as number] = ((capped[i] as number) + (capped[(i + count - 1) % count] as number)) / 2;
  }
  return weights;
}

/** The median is taken of gaps above rounding noise: a 360-degree scan meets every line twice, so half its gaps are 0. */
function capWedges(gaps: Float64Array): Float64Array {
  const real = gaps.filter((gap) => gap > (1e-3 * Math.PI) / gaps.length).sort();
  const median = real[Math.floor(real.length / 2)] ?? Math.PI;
  return gaps.map((gap) => (gap > wedgeGapsMin * median ? median : gap));
}
