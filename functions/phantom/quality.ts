// How close a picture is to the truth, inside the disk that every projection sees.

/** Part of the width that counts: x^2 + y^2 < (ratio n / 2)^2, pixel centres at half-integers. */
const diskRatioDefault = 0.95;

export interface Quality {
  /** 20 log10(range / rmse). The range is 1, the phantom's own (0 .. 1), not that of the picture. */
  readonly psnr: number;
  readonly rmse: number;
  /** Root of the sum of squared differences over that of the squared truth. */
  readonly relativeL2: number;
}

export interface QualityOptions {
  readonly columns: number;
  readonly diskRatio?: number | undefined;
  /** The range of values psnr refers to. Default 1. */
  readonly range?: number | undefined;
  /** The picture is divided by this first: `truthScale(columns)` for slices of a phantom scan. Default 1. */
  readonly scale?: number | undefined;
}

/** Compares one square slice (columns x columns) with its truth. Equal pictures give psnr Infinity. */
export function measureQuality(image: Float32Array, truth: Float32Array, options: QualityOptions): Quality {
  const { columns, diskRatio = diskRatioDefault, range = 1, scale = 1 } = options;
  if (image.length !== columns * columns || truth.length !== image.length) {
    throw new RangeError(
      `image has ${image.length} and truth ${truth.length} pixels; ${columns} x ${columns} are expected of both.`,
    );
  }
  const limit = ((diskRatio * columns) / 2) ** 2;
  let squares = 0;
  let reference = 0;
  let count = 0;
  for (let row = 0; row < columns; row++) {
    for (let column = 0; column < columns; column++) {
      if ((column + 0.5 - columns / 2) ** 2 + (row + 0.5 - columns / 2) ** 2 >= limit) continue;
      const at = row * columns + column;
      const expected = truth[at] as number;
      squares += ((image[at] as number) / scale - expected) ** 2;
      reference += expected * expected;
      count++;
    }
  }
  const rmse = Math.sqrt(squares / count);
  return { psnr: 20 * Math.log10(range / rmse), rmse, relativeL2: relative(squares, reference) };
}

/** Relative L2 distance of two arrays of equal length, nothing masked. */
export function relativeL2(values: ArrayLike<number>, reference: ArrayLike<number>): number {
  if (values.length !== reference.length) {
    throw new RangeError(`${values.length} values cannot be compared with ${reference.length}.`);
  }
  let squares = 0;
  let norm = 0;
  for (let i = 0; i < reference.length; i++) {
    squares += ((values[i] as number) - (reference[i] as number)) ** 2;
    norm += (reference[i] as number) ** 2;
  }
  return relative(squares, norm);
}

/** Against an all-zero reference only zero is close. */
function relative(squares: number, norm: number): number {
  if (norm === 0) return squares === 0 ? 0 : Number.POSITIVE_INFINITY;
  return Math.sqrt(squares / norm);
}
