// The headers of a sinogram message: line integrals of some detector rows over all angles, f32 (rows, angles, columns).
import { dtypeHeader, FrameHeaderError, shapeHeader } from './frame-headers.ts';

/** "0:0.01745:180" (first, step, count) where angles are even, else all of them with commas; radians. */
export const thetasHeader = 'Pilotfish-Thetas';
export const firstRowHeader = 'Pilotfish-First-Row';

const anglesMax = 65_536;
const sideMax = 65_536;

export interface SinogramHeaders {
  readonly rows: number;
  readonly columns: number;
  readonly theta: Float64Array;
  readonly firstRow: number;
}

export function thetasText(theta: Float64Array): string {
  const [first = 0, second = 0] = theta;
  const step = second - first;
  const isEven = theta.every((angle, at) => Math.abs(angle - first - at * step) < 1e-9);
  return isEven ? `${first}:${step}:${theta.length}` : theta.join(',');
}

/** Reads the headers of a sinogram message. Throws `FrameHeaderError`. */
export function parseSinogramHeaders(read: (name: string) => string | undefined): SinogramHeaders {
  const shape = read(shapeHeader);
  const sizes = (shape ?? '').split(',').map((part) => (/^\d{1,6}$/.test(part) ? Number(part) : Number.NaN));
  const [rows = 0, angles = 0, columns = 0] = sizes;
  if (sizes.length !== 3 || !sizes.every((size) => size >= 1 && size <= sideMax)) {
    throw new FrameHeaderError(shapeHeader, shape, `rows,angles,columns (1 to ${sideMax})`);
  }
  const dtype = read(dtypeHeader);
  if (dtype !== 'f32') throw new FrameHeaderError(dtypeHeader, dtype, 'f32');
  const firstRow = firstRowOf(read(firstRowHeader));
  return { rows, columns, theta: parseThetas(read(thetasHeader), angles), firstRow };
}

/** Place of the first slice in the whole scan, as its header says. Throws `FrameHeaderError`. */
export function firstRowOf(text = '0'): number {
  if (!/^\d{1,6}$/.test(text)) throw new FrameHeaderError(firstRowHeader, text, 'a row, counted from 0,');
  return Number(text);
}

function parseThetas(text: string | undefined, angles: number): Float64Array {
  const wrong = (): FrameHeaderError =>
    new FrameHeaderError(thetasHeader, text, `first:step:${angles}, or ${angles} angles in radians with commas,`);
  if (text === undefined || text.length > 64 * anglesMax) throw wrong();
  const even = text.split(':');
  const [first = Number.NaN, step = Number.NaN, count] = even.map(Number);
  const theta =
    even.length === 3 && count === angles
      ? Float64Array.from({ length: angles }, (_, at) => first + at * step)
      : Float64Array.from(text.split(','), (angle) => (angle.trim() === '' ? Number.NaN : Number(angle)));
  if (theta.length !== angles || !theta.every(Number.isFinite)) throw wrong();
  return theta;
}
