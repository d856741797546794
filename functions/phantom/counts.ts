// What a detector would have counted: u16 darks, flats and projections of the phantom, made from exact line integrals. Every pixel
// has its own gain and offset, so that only a correct flat-field correction gives the line integrals back.

/** Counts of an open beam and of a closed shutter, before each pixel's own gain and offset. */
const flatCounts = 50_000;
const darkCounts = 100;
/** A pixel's gain lies within +-10 %, its offset within +-10 counts. */
const gainSpread = 0.1;
const darkSpread = 10;
/** Attenuation over the whole width of density 1: the head's densest ray (0.66 of the width) then lets a fifth of the beam through. */
const attenuationOverWidth = 2.5;

/** Truth is density x this: reconstructed slices of a phantom scan are attenuation per column. */
export function truthScale(columns: number): number {
  return attenuationOverWidth / columns;
}

export interface CountsOptions {
  readonly rows: number;
  readonly columns: number;
  /** Fixes gains, offsets and noise: the same seed gives the same bytes. */
  readonly seed: number;
  /** Photon noise (normal approximation of Poisson's). Default off: quality then measures the method, not the beam. */
  readonly noise?: boolean | undefined;
}

/** Frames of rows x columns counts. */
export interface PhantomCounts {
  /** A frame's noise depends on its index and not on the frames made before it. */
  readonly dark: (index?: number) => Uint16Array<ArrayBuffer>;
  readonly flat: (index?: number) => Uint16Array<ArrayBuffer>;
  /** `lines` holds the line integrals of density (rows x columns), in columns. */
  readonly projection: (lines: Float32Array, index?: number) => Uint16Array<ArrayBuffer>;
}

export function createCounts({ rows, columns, seed, noise = false }: CountsOptions): PhantomCounts {
  const random = createRandom(seed);
  const pixels = rows * columns;
  const gain = Float64Array.from({ length: pixels }, () => flatCounts * (1 + gainSpread * (2 * random() - 1)));
  const offset = Float64Array.from({ length: pixels }, () => darkCounts + Math.round(darkSpread * (2 * random() - 1)));
  const scale = truthScale(columns);
  const frame = (seedOfNoise: number, beam: (pixel: number) => number): Uint16Array<ArrayBuffer> => {
    const noiseRandom = createRandom(seedOfNoise);
    const count = (mean: number): number => {
      const seen = noise ? mean + Math.sqrt(mean) * normal(noiseRandom) : mean;
      return Math.max(0, Math.min(65_535, Math.round(seen)));
    };
    return Uint16Array.from({ length: pixels }, (_, i) => count((offset[i] as number) + (gain[i] as number) * beam(i)));
  };
  return {
    dark: (index = 0) => frame(seed + 3 * index + 1, () => 0),
    flat: (index = 0) => frame(seed + 3 * index + 2, () => 1),
    projection: (lines, index = 0) => {
      if (lines.length !== pixels)
        throw new RangeError(`lines has ${lines.length} values; ${rows} x ${columns} are expected.`);
      return frame(seed + 3 * index + 3, (i) => Math.exp(-scale * (lines[i] as number)));
    },
  };
}

/** Mulberry32: 32 bits of state, enough for a pattern and small enough to read. Uniform in [0, 1). */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Box and Muller's transform. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
