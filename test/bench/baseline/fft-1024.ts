/**
 * The calibration that kernel times are multiples of: one FFT of 1,024 complex numbers, radix 4, in plain TypeScript. Frozen: it shares no
 * code with the project's FFT, so that an improvement there does not move the scale. 10 to 13 us on a server core of 2021.
 */

const length = 1024;
const stages = 5;

export class CalibrationFft {
  readonly #re = new Float64Array(length);
  readonly #im = new Float64Array(length);
  readonly #cosines = Float64Array.from({ length }, (_, i) => Math.cos((2 * Math.PI * i) / length));
  readonly #sines = Float64Array.from({ length }, (_, i) => -Math.sin((2 * Math.PI * i) / length));
  readonly #order = Uint16Array.from({ length }, (_, i) => reversedDigits(i));

  /** Transforms `re`, `im` in place, decimation in time. */
  run(re: Float64Array, im: Float64Array): void {
    const [sortedRe, sortedIm, order] = [this.#re, this.#im, this.#order];
    for (let i = 0; i < length; i++) {
      sortedRe[i] = re[order[i] as number] as number;
      sortedIm[i] = im[order[i] as number] as number;
    }
    for (let quarter = 1; quarter < length; quarter *= 4) this.#stage(sortedRe, sortedIm, quarter);
    re.set(sortedRe);
    im.set(sortedIm);
  }

  #stage(re: Float64Array, im: Float64Array, quarter: number): void {
    const [cosines, sines] = [this.#cosines, this.#sines];
    const step = length / (4 * quarter);
    for (let j = 0; j < quarter; j++) {
      const c1 = cosines[j * step] as number;
      const s1 = sines[j * step] as number;
      const c2 = cosines[2 * j * step] as number;
      const s2 = sines[2 * j * step] as number;
      const c3 = cosines[3 * j * step] as number;
      const s3 = sines[3 * j * step] as number;
      for (let a = j; a < length; a += 4 * quarter) {
        const b = a + quarter;
        const c = b + quarter;
        const d = c + quarter;
        const br = (re[b] as number) * c1 - (im[b] as number) * s1;
        const bi = (re[b] as number) * s1 + (im[b] as number) * c1;
        const cr = (re[c] as number) * c2 - (im[c] as number) * s2;
        const ci = (re[c] as number) * s2 + (im[c] as number) * c2;
        const dr = (re[d] as number) * c3 - (im[d] as number) * s3;
        const di = (re[d] as number) * s3 + (im[d] as number) * c3;
        const sumR = (re[a] as number) + cr;
        const sumI = (im[a] as number) + ci;
        const differenceR = (re[a] as number) - cr;
        const differenceI = (im[a] as number) - ci;
        re[a] = sumR + br + dr;
        im[a] = sumI + bi + di;
        re[b] = differenceR + (bi - di);
        im[b] = differenceI - (br - dr);
        re[c] = sumR - br - dr;
        im[c] = sumI - bi - di;
        re[d] = differenceR - (bi - di);
        im[d] = differenceI + (br - dr);
      }
    }
  }
}

/** The index with its base-4 digits backwards. */
function reversedDigits(index: number): number {
  let reversed = 0;
  for (let stage = 0; stage < stages; stage++) {
    reversed = reversed * 4 + (index % 4);
    index = Math.floor(index / 4);
  }
  return reversed;
}
