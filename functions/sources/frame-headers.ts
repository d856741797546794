// The typed headers of a frame's message. Example:
//   Pilotfish-Part: projection:17      Pilotfish-Shape: 16,256      Pilotfish-Dtype: u16      Pilotfish-Theta: 0.2967
// and for the end marker: Pilotfish-Part: end, Pilotfish-Expect: dark=10,flat=10,projection=180.
import { type Frame, type FrameCounts, type FrameDtype, type FrameKind, frameKinds } from './frame.ts';

export const partHeader = 'Pilotfish-Part';
export const shapeHeader = 'Pilotfish-Shape';
export const dtypeHeader = 'Pilotfish-Dtype';
export const thetaHeader = 'Pilotfish-Theta';
export const expectHeader = 'Pilotfish-Expect';

/** More parts than this a scan is refused elsewhere too; here it bounds what a header may claim. */
const countMax = 65_536;
const sideMax = 65_536;

/** A frame's headers as read; which scan it belongs to is in the subject, not here. */
export type FrameHeaders = {
  readonly rows: number;
  readonly columns: number;
  readonly dtype: FrameDtype;
} & (
  | { readonly kind: FrameKind; readonly index: number; readonly theta?: number | undefined }
  | { readonly kind: 'end'; readonly index: 0; readonly expect: FrameCounts }
);

/** Thrown for headers that do not describe a frame; names the header and the value seen. */
export class FrameHeaderError extends Error {
  override readonly name = 'FrameHeaderError';

  constructor(header: string, seen: string | undefined, wanted: string) {
    super(`Header ${header} is ${seen === undefined ? 'missing' : `"${seen.slice(0, 100)}"`}; ${wanted} is expected.`);
  }
}

export function frameHeaders(frame: Frame): Record<string, string> {
  const headers: Record<string, string> = {
    [partHeader]: frame.kind === 'end' ? 'end' : `${frame.kind}:${frame.index}`,
    [shapeHeader]: `${frame.rows},${frame.columns}`,
    [dtypeHeader]: frame.dtype,
  };
  if (frame.kind === 'end') headers[expectHeader] = frameKinds.map((kind) => `${kind}=${frame.expect[kind]}`).join(',');
  else if (frame.theta !== undefined) headers[thetaHeader] = String(frame.theta);
  return headers;
}

/** Reads headers, however they are stored. Throws `FrameHeaderError`. */
export function parseFrameHeaders(read: (name: string) => string | undefined): FrameHeaders {
  const part = read(partHeader);
  const [rows, columns] = parseShape(read(shapeHeader));
  const dtype = read(dtypeHeader);
  if (dtype !== 'u16' && dtype !== 'f32') throw new FrameHeaderError(dtypeHeader, dtype, 'u16 or f32');
  if (part === 'end') return { kind: 'end', index: 0, expect: parseExpect(read(expectHeader)), rows, columns, dtype };
  const [name, digits, ...more] = (part ?? '').split(':');
  const kind = frameKinds.find((candidate) => candidate === name);
  const index = parseCount(digits, countMax - 1);
  if (kind === undefined || index === undefined || more.length > 0) {
    throw new FrameHeaderError(partHeader, part, 'dark:N, flat:N, projection:N or end');
  }
  const theta = read(thetaHeader);
  if (theta === undefined) {
    if (kind === 'projection') throw new FrameHeaderError(thetaHeader, theta, 'the angle in radians');
    return { kind, index, rows, columns, dtype };
  }
  return { kind, index, theta: parseTheta(theta), rows, columns, dtype };
}

function parseShape(shape: string | undefined): readonly [number, number] {
  const [rows, columns, ...more] = (shape ?? '').split(',').map((part) => parseCount(part, sideMax));
  if (!rows || !columns || more.length > 0)
    throw new FrameHeaderError(shapeHeader, shape, `rows,columns (1 to ${sideMax})`);
  return [rows, columns];
}

function parseTheta(text: string): number {
  const theta = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(theta)) throw new FrameHeaderError(thetaHeader, text, 'the angle in radians');
  return theta;
}

function parseExpect(text: string | undefined): FrameCounts {
  const counts = new Map<string, number>();
  for (const part of (text ?? '').split(',')) {
    const [kind, digits, ...more] = part.split('=');
    const count = parseCount(digits, countMax);
    if (kind === undefined || count === undefined || more.length > 0 || counts.has(kind)) break;
    counts.set(kind, count);
  }
  const [dark, flat, projection] = frameKinds.map((kind) => counts.get(kind));
  const known = dark !== undefined && flat !== undefined && projection !== undefined;
  if (!known || (text ?? '').split(',').length !== frameKinds.length) {
    throw new FrameHeaderError(expectHeader, text, 'dark=N,flat=N,projection=N');
  }
  return { dark, flat, projection };
}

/** Decimal digits only: Number() would also take "", "1e3", " 7" and "0x10". */
function parseCount(digits: string | undefined, max: number): number | undefined {
  if (digits === undefined || !/^\d{1,9}$/.test(digits)) return undefined;
  const count = Number(digits);
  return count <= max ? count : undefined;
}
