// The picture a perfect reconstruction would give: each pixel is the mean density over its area.
// Same origin as GridRec: the axis at column n/2, row n/2 - 1, y up; one pixel is one column.
import type { Ellipse } from './ellipses.ts';

/** Points a side at which a pixel cut by an ellipse's edge is sampled: 64 points, area right within 1 %. */
const samplesASide = 8;

/** Truth image (columns x columns, row-major). */
export function drawEllipses(ellipses: readonly Ellipse[], columns: number): Float32Array<ArrayBuffer> {
  const image = new Float64Array(columns * columns);
  for (const ellipse of ellipses) {
    for (let row = 0; row < columns; row++) {
      const y = columns / 2 - 1 - row;
      for (let column = 0; column < columns; column++) {
        const share = coveredShare(ellipse, column - columns / 2, y, columns / 2);
        if (share !== 0) {
          const at = row * columns + column;
          image[at] = (image[at] as number) + share * ellipse.density;
        }
      }
    }
  }
  return Float32Array.from(image);
}

/** The part of the pixel around (x, y), in columns, that lies in the ellipse. */
function coveredShare(ellipse: Ellipse, x: number, y: number, unit: number): number {
  const distance = ellipseDistance(ellipse, x / unit, y / unit);
  // Half a pixel's diagonal, in units of the smaller half axis: pixels further from the edge lie wholly in or out.
  const reach = 0.75 / (unit * Math.min(ellipse.a, ellipse.b));
  if (distance < 1 - reach) return 1;
  if (distance > 1 + reach) return 0;
  let inside = 0;
  for (let i = 0; i < samplesASide; i++) {
    for (let j = 0; j < samplesASide; j++) {
      const dx = (i + 0.5) / samplesASide - 0.5;
      const dy = (j + 0.5) / samplesASide - 0.5;
      if (ellipseDistance(ellipse, (x + dx) / unit, (y + dy) / unit) < 1) inside++;
    }
  }
  return inside / (samplesASide * samplesASide);
}

/** 1 on the edge, less inside. */
function ellipseDistance({ a, b, x, y, turn }: Ellipse, px: number, py: number): number {
  const cosine = Math.cos(turn);
  const sine = Math.sin(turn);
  const along = (px - x) * cosine + (py - y) * sine;
  const across = (py - y) * cosine - (px - x) * sine;
  return Math.sqrt((along / a) ** 2 + (across / b) ** 2);
}
