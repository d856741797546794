// Slices as grey-scale pictures, 8 or 16 bits. Values are mapped from a window to black .. white: a fixed one, or percentiles, so that a
// few bright artefacts do not turn the rest dark.
import { encode } from 'fast-png';

export interface PngOptions {
  readonly width: number;
  readonly height: number;
  readonly depth?: 8 | 16 | undefined;
  readonly window?: PngWindow | undefined;
}

/** `low` is shown black and `high` white. */
export type PngWindow =
  | { readonly kind: 'fixed'; readonly low: number; readonly high: number }
  | { readonly kind: 'percentile'; readonly low: number; readonly high: number };

const windowDefault: PngWindow = { kind: 'percentile', low: 0.5, high: 99.5 };

/** The file's bytes. NaN is shown black. Throws `RangeError` when sizes disagree or the window is empty or out of bounds. */
export function encodePng(values: Float32Array, options: PngOptions): Uint8Array {
  const { width, height, depth = 8, window = windowDefault } = options;
  if (values.length !== width * height) {
    throw new RangeError(`${values.length} values are not a picture of ${width} x ${height}.`);
  }
  const [low, high] = resolveWindow(values, window);
  const white = 2 ** depth - 1;
  // A picture of one value has no contrast; it is shown black rather than refused.
  const scale = high > low ? white / (high - low) : 0;
  const data = depth === 16 ? new Uint16Array(values.length) : new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const level = ((values[i] as number) - low) * scale;
    data[i] = level > 0 ? Math.min(white, Math.round(level)) : 0;
  }
  return encode({ width, height, data, depth, channels: 1 });
}

function resolveWindow(values: Float32Array, { kind, low, high }: PngWindow): readonly [number, number] {
  if (kind === 'fixed') {
    if (!(high > low)) throw new RangeError(`A window from ${low} to ${high} shows nothing; give low < high.`);
    return [low, high];
  }
  if (!(low >= 0 && high <= 100 && high > low)) {
    throw new RangeError(`Percentiles ${low} to ${high} are not within 0 to 100 with low < high.`);
  }
  const sorted = values.filter((value) => Number.isFinite(value)).sort();
  const at = (percent: number): number => sorted[Math.round(((sorted.length - 1) * percent) / 100)] ?? 0;
  return [at(low), at(high)];
}
