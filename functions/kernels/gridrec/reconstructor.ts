// GridRec in plain TypeScript: lines are transformed (spectrum.ts) and filtered (filter-line.ts), spread on a frequency grid (gridding.ts) and
// turned into pictures (image.ts), two slices at a time. All tables (plan.ts) and buffers are made once and reused.
import { binsOf } from '../fourier/filter-bins.ts';
import { assertFinite } from '../scan/scan.ts';
import { filterLine, filterLineTwoCentres } from './filter-line.ts';
import { type Grid, spreadLine } from './gridding.ts';
import { ImageMaker } from './image.ts';
import { type GridrecPlan, shiftAt } from './plan.ts';
import { SpectrumReader, writeCentrePhases } from './spectrum.ts';

/** Two lines to reconstruct at once: offsets of the first value of each slice in `sinogram`, and their axes. */
export interface SlicePair {
  readonly sinogram: Float32Array;
  readonly first: number;
  /** < 0: there is no second slice. Equal to `first`: one slice at two centres, at the price of one. */
  readonly second: number;
  readonly firstCentre: number;
  readonly secondCentre: number;
}

export class Reconstructor {
  readonly #plan: GridrecPlan;
  readonly #grid: Grid;
  readonly #spectra: SpectrumReader;
  readonly #images: ImageMaker;
  readonly #line: Float64Array;
  readonly #phases: readonly [Float64Array, Float64Array];

  constructor(plan: GridrecPlan) {
    const { size, kernel, density, accurate } = plan;
    this.#plan = plan;
    const edge = accurate ? 'wrap' : 'clip';
    this.#grid = { size, values: new Float32Array(2 * size * size), kernel, density, edge, singlePrecision: !accurate };
    this.#spectra = new SpectrumReader(size, plan.columns);
    this.#images = new ImageMaker(size, plan);
    this.#line = new Float64Array(2 * size);
    this.#phases = [new Float64Array(size), new Float64Array(size)];
  }

  /** Reconstructs two slices into `out` at the offsets given (`second` < 0 drops the second). Allocates nothing large. */
  reconstructPair(
    pair: SlicePair,
    out: { readonly values: Float32Array; readonly first: number; readonly second: number },
  ): void {
    const { sinogram, first, second, firstCentre, secondCentre } = pair;
    const sameCentre = firstCentre === secondCentre || second < 0;
    const [phases, secondPhases] = this.#phases;
    this.#grid.values.fill(0);
    const { angles, columns, size, bins: allBins, precision } = this.#plan;
    for (let angle = 0; angle < angles; angle++) {
      const cosine = this.#plan.cosines[angle] as number;
      const sine = this.#plan.sines[angle] as number;
      const scale = this.#plan.scales[angle] as number;
      const shift = shiftAt(this.#plan, angle);
      // Without a shift the phases are the same at every angle.
      if (angle === 0 || shift !== 0) {
        writeCentrePhases(phases, size, firstCentre + shift, precision);
        if (!sameCentre) writeCentrePhases(secondPhases, size, secondCentre + shift, precision);
      }
      const offset = angle * columns;
      this.#spectra.read(sinogram, first + offset, second < 0 ? -1 : second + offset);
      const { spectrum } = this.#spectra;
      const bins = binsOf(allBins, angle, size / 2);
      if (sameCentre) filterLine(this.#line, spectrum, bins, { phases, scale });
      else filterLineTwoCentres(this.#line, spectrum, bins, { first: phases, second: secondPhases, scale });
      spreadLine(this.#grid, this.#line, { cosine, sine, firstBin: this.#plan.accurate ? 0 : 1 });
    }
    this.#images.make(this.#grid.values, out);
  }

  /**
   * Reconstructs all slices of a sinogram (slices x angles x columns) into (slices x grid rows x grid columns). Throws `InputError` for NaN and
   * infinity.
   */
  reconstruct(sinogram: Float32Array, centres: Float64Array): Float32Array<ArrayBuffer> {
    assertFinite(sinogram, this.#plan);
    const slices = centres.length;
    const lineCount = this.#plan.angles * this.#plan.columns;
    const pixels = this.#plan.grid.rows * this.#plan.grid.columns;
    const values = new Float32Array(slices * pixels);
    for (let slice = 0; slice < slices; slice += 2) {
      const paired = slice + 1 < slices;
      const firstCentre = centres[slice] as number;
      const pair = {
        sinogram,
        first: slice * lineCount,
        second: paired ? (slice + 1) * lineCount : -1,
        firstCentre,
        secondCentre: paired ? (centres[slice + 1] as number) : firstCentre,
      };
      this.reconstructPair(pair, { values, first: slice * pixels, second: paired ? (slice + 1) * pixels : -1 });
    }
    return values;
  }
}
