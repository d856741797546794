// The modified Shepp-Logan head phantom (Shepp and Logan 1974; contrasts of Toft 1996) as ten ellipses on [-1, 1] squared, and its
// 3-D variant: rows cut the upper half of a head, so that every row is a smaller copy with a truth of its own.

/** Density added inside an ellipse with half axes (a, b), centre (x, y), turned by `turn` radians against the clock. */
export interface Ellipse {
  readonly density: number;
  readonly a: number;
  readonly b: number;
  readonly x: number;
  readonly y: number;
  readonly turn: number;
}

const degree = Math.PI / 180;

export const sheppLogan: readonly Ellipse[] = [
  { density: 1, a: 0.69, b: 0.92, x: 0, y: 0, turn: 0 },
  { density: -0.8, a: 0.6624, b: 0.874, x: 0, y: -0.0184, turn: 0 },
  { density: -0.2, a: 0.11, b: 0.31, x: 0.22, y: 0, turn: -18 * degree },
  { density: -0.2, a: 0.16, b: 0.41, x: -0.22, y: 0, turn: 18 * degree },
  { density: 0.1, a: 0.21, b: 0.25, x: 0, y: 0.35, turn: 0 },
  { density: 0.1, a: 0.046, b: 0.046, x: 0, y: 0.1, turn: 0 },
  { density: 0.1, a: 0.046, b: 0.046, x: 0, y: -0.1, turn: 0 },
  { density: 0.1, a: 0.046, b: 0.023, x: -0.08, y: -0.605, turn: 0 },
  { density: 0.1, a: 0.023, b: 0.023, x: 0, y: -0.606, turn: 0 },
  { density: 0.1, a: 0.023, b: 0.046, x: 0.06, y: -0.605, turn: 0 },
];

/** How high the last row cuts the unit ball: its ellipses are sqrt(1 - 0.6^2) = 0.8 of the first row's. */
const heightMax = 0.6;

/** The phantom's cut at row `row` of `rows`; row 0 is the plain phantom, each further row is smaller. */
export function phantomRow(row: number, rows: number, ellipses: readonly Ellipse[] = sheppLogan): readonly Ellipse[] {
  const scale = Math.sqrt(1 - ((heightMax * row) / rows) ** 2);
  return ellipses.map(({ density, a, b, x, y, turn }) => ({
    density,
    a: a * scale,
    b: b * scale,
    x: x * scale,
    y: y * scale,
    turn,
  }));
}
