// The gridding kernel: the zero-order prolate spheroidal wave function psi0 of bandwidth c (GridRec uses c = 7).
// psi0 is, among functions on [-1, 1], the one whose Fourier transform is most concentrated in [-c, c]; it solves
//   integral over [-1, 1] of exp(i c x t) psi(t) dt = mu psi(x)              (Slepian and Pollak 1961).
// Its even Legendre coefficients are the eigenvector of the smallest eigenvalue of a tridiagonal matrix
// (Xiao, Rokhlin and Yarvin, "Prolate spheroidal wavefunctions, quadrature and interpolation", 2001, section 2.5).

/** Half the support of the kernel on the grid, in grid cells: taps lie within +-2. */
export const kernelHalfWidth = 2;
export const kernelBandwidth = 7;
/** Order 20 leaves out terms below 1e-9 of the largest at c = 7. */
export const kernelSeriesOrder = 20;

export interface ProlateFunction {
  readonly bandwidth: number;
  /** Coefficients of P0, P2, P4 ... scaled so that psi(0) = 1. */
  readonly coefficients: Float64Array;
  /** Share of the energy within [-1, 1], Slepian's lambda = c |mu|^2 / (2 pi). */
  readonly concentration: number;
}

/** Derives psi0 numerically. `order` is the highest Legendre degree kept, even. */
export function createProlateFunction(bandwidth = kernelBandwidth, order = kernelSeriesOrder): ProlateFunction {
  const vector = smallestEigenvector(bandwidth, order + 20);
  const raw = new Float64Array(order / 2 + 1);
  for (let k = 0; k < raw.length; k++) raw[k] = (vector[k] as number) * Math.sqrt(4 * k + 1);
  const atZero = evenLegendreSeries(raw, 0);
  const coefficients = raw.map((value) => value / atZero);
  // At x = 0 the integral equation reads mu = integral of psi = 2 * (coefficient of P0), because psi(0) = 1.
  const mu = 2 * (coefficients[0] as number);
  return { bandwidth, coefficients, concentration: (bandwidth * mu * mu) / (2 * Math.PI) };
}

/** psi0(x) for |x| <= 1. */
export function prolateAt(prolate: ProlateFunction, x: number): number {
  return evenLegendreSeries(prolate.coefficients, x);
}

/** The kernel w(d) = psi0(d / 2), tabulated at d = i / density for i = 0 .. 2 * density. */
export function tabulateKernel(prolate: ProlateFunction, density: number): Float64Array {
  const last = kernelHalfWidth * density;
  return Float64Array.from({ length: last + 1 }, (_, i) => prolateAt(prolate, i / last));
}

/**
 * Fourier transform of the kernel, integral over |d| <= 2 of psi0(d / 2) cos(2 pi f d), by the integral equation's left side
 * (Simpson's rule, 512 panels: smooth integrand, error far below 1e-10 for |f| <= 1/2).
 */
export function kernelTransformAt(prolate: ProlateFunction, frequency: number): number {
  const panels = 512;
  let sum = 0;
  for (let i = 0; i <= panels; i++) {
    const t = i / panels;
    const weight = i === 0 || i === panels ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * prolateAt(prolate, t) * Math.cos(2 * Math.PI * frequency * kernelHalfWidth * t);
  }
  return (2 * kernelHalfWidth * sum) / (3 * panels);
}

/** Inverse iteration: the matrix is positive definite and its two smallest eigenvalues lie a factor of 4 apart at c = 7. */
function smallestEigenvector(bandwidth: number, order: number): Float64Array {
  const size = order / 2 + 1;
  const square = bandwidth * bandwidth;
  const diagonal = new Float64Array(size);
  const beside = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const k = 2 * i;
    diagonal[i] = k * (k + 1) + ((2 * k * (k + 1) - 1) / ((2 * k + 3) * (2 * k - 1))) * square;
    beside[i] = (((k + 2) * (k + 1)) / ((2 * k + 3) * Math.sqrt((2 * k + 1) * (2 * k + 5)))) * square;
  }
  let vector = new Float64Array(size);
  vector[0] = 1;
  const iterations = 60;
  for (let i = 0; i < iterations; i++) {
    const next = solveTridiagonal(diagonal, beside, vector);
    const length = Math.hypot(...next);
    vector = next.map((value) => value / length);
  }
  return vector;
}

/** Solves a symmetric tridiagonal system (Thomas' algorithm; positive definite, so no pivoting is needed). */
function solveTridiagonal(
  diagonal: Float64Array,
  beside: Float64Array,
  right: Float64Array,
): Float64Array<ArrayBuffer> {
  const size = diagonal.length;
  const factor = new Float64Array(size);
  const solution = new Float64Array(size);
  let pivot = diagonal[0] as number;
  solution[0] = (right[0] as number) / pivot;
  for (let i = 1; i < size; i++) {
    const above = beside[i - 1] as number;
    factor[i] = above / pivot;
    pivot = (diagonal[i] as number) - above * (factor[i] as number);
    solution[i] = ((right[i] as number) - above * (solution[i - 1] as number)) / pivot;
  }
  for (let i = size - 2; i >= 0; i--) {
    solution[i] = (solution[i] as number) - (factor[i + 1] as number) * (solution[i + 1] as number);
  }
  return solution;
}

/** Sum of coefficients[k] P_2k(x), Bonnet's recurrence. */
function evenLegendreSeries(coefficients: Float64Array, x: number): number {
  let sum = coefficients[0] as number;
  let before = 1;
  let current = x;
  for (let degree = 2; degree <= 2 * (coefficients.length - 1); degree++) {
    const next = ((2 * degree - 1) * x * current - (degree - 1) * before) / degree;
    if (degree % 2 === 0) sum += (coefficients[degree / 2] as number) * next;
    before = current;
    current = next;
  }
  return sum;
}
