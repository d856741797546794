// GridRec with gridrec.as.ts: four slices at a time, whatever their axes. Memory, all made in the constructor: 16 bytes a point of the
// frequency grid (size x size, size = the padded width), and tables below a tenth of that. 512 columns take 5 MB (accurate 18 MB), 2,048
// columns 70 MB (accurate 273 MB).
import { binsOf } from '../fourier/filter-bins.ts';
import { packTwiddles } from '../fourier/twiddles.ts';
import { assertFinite } from '../scan/scan.ts';
import { Arena, type KernelMemory, type Region } from '../wasm/arena.ts';
import { unwrittenValues } from '../wasm/unwritten-values.ts';
import { type GridrecPlan, shiftAt } from './plan.ts';
import { writeCentrePhases } from './spectrum.ts';

interface GridrecExports {
  readonly memory: KernelMemory;
  readonly memoryStart: () => number;
  readonly clear: (grid: number, bytes: number) => void;
  /** 0 when not all values were finite. */
  readonly readSpectrum: (...args: number[]) => number;
  readonly filterLine: (...args: number[]) => void;
  readonly shiftLine: (line: number, half: number, step: number) => void;
  readonly spreadLine: (...args: number[]) => void;
  readonly transformRows: (...args: number[]) => void;
  readonly makeRows: (...args: number[]) => void;
}

/** Slices that share a grid: two complex numbers of 64 bits a v128. */
export const slicesTogether = 4;
/** Angles whose lines are copied together. */
const anglesTogether = 16;
/** Grid columns transformed together: few enough that the stages of 512 samples stay in the nearest cache (two buffers of 16 KB). */
const columnsTogether = 2;
/** Rows of the pictures that are copied together: few enough that they are in a cache still, enough that a copy is worth its beginning. */
const bandRows = 16;
/** Bins closer to the edge than this may have taps over it. */
const edgeMargin = 4;
const bytesAPoint = 16;
/** Added to each row of the grid, so that the rows of a column do not all fall into the same part of the cache. */
const rowGapBytes = 64;

/** One slice of four: where its first value lies in the sinogram, its axis, and where its picture goes; undefined for none. */
export interface QuadSlice {
  readonly from: number;
  readonly centre: number;
  readonly to: number;
}

/** Bytes of memory that a reconstruction of these sizes takes. */
export function gridrecBytes({ size, grid }: GridrecPlan): number {
  const pitch = size * bytesAPoint + rowGapBytes;
  const bands = 4 * slicesTogether * bandRows * grid.columns;
  return size * pitch + bands + size * 1024 + 65_536;
}

export class SimdReconstructor {
  readonly plan: GridrecPlan;
  readonly #kernel: GridrecExports;
  readonly #arena: Arena;
  readonly #regions: ReturnType<typeof layOut>;
  readonly #pitch: number;

  /** `module` is gridrec.as.ts, compiled. Throws `RangeError` when there is no memory. */
  constructor(module: WebAssembly.Module, plan: GridrecPlan) {
    this.plan = plan;
    const instance = new WebAssembly.Instance(module, { env: { abort: () => undefined } });
    this.#kernel = instance.exports as unknown as GridrecExports;
    this.#pitch = plan.size * bytesAPoint + rowGapBytes;
    this.#arena = new Arena(this.#kernel.memory, this.#kernel.memoryStart());
    this.#regions = layOut(this.#arena, plan, this.#pitch);
  }

  /**
   * Reconstructs all slices of a sinogram (slices x angles x columns) into (slices x grid rows x grid columns). Throws `InputError` for NaN and
   * infinity.
   */
  reconstruct(sinogram: Float32Array, centres: Float64Array): Float32Array<ArrayBuffer> {
    const { angles, columns, grid } = this.plan;
    const pixels = grid.rows * grid.columns;
    const values = unwrittenValues(centres.length * pixels);
    for (let first = 0; first < centres.length; first += slicesTogether) {
      const quad = Array.from(centres.subarray(first, first + slicesTogether), (centre, i) => ({
        from: (first + i) * angles * columns,
        centre,
        to: (first + i) * pixels,
      }));
      this.reconstructQuad(sinogram, quad, values);
    }
    return values;
  }

  /** One to four slices, which may be the same one with different axes. Throws `InputError` for NaN and infinity. */
  reconstructQuad(sinogram: Float32Array, quad: readonly QuadSlice[], out: Float32Array): void {
    const { size, accurate, angles } = this.plan;
    const { grid } = this.#regions;
    this.#writePhases(quad);
    this.#kernel.clear(grid.pointer, size * this.#pitch);
    this.#regions.lines.forEach((line, i) => {
      if (i >= quad.length) this.#arena.values.fill(0, line.at, line.at + line.length);
    });
    for (let angle = 0; angle < angles; angle++) this.#addAngle(sinogram, quad, angle, accurate);
    this.#draw(quad, out);
  }

  #addAngle(sinogram: Float32Array, quad: readonly QuadSlice[], angle: number, accurate: boolean): void {
    const { columns, size, density, cosines, sines, scales, bins } = this.plan;
    const { lines, spectrum, line, twiddles, scratch, phases, kernel, grid, binLine, places } = this.#regions;
    const { values } = this.#arena;
    const place = angle % anglesTogether;
    if (place === 0) this.#copyLines(sinogram, quad, angle);
    if (angle === 0 || bins.perAngle) values.set(binsOf(bins, angle, size / 2), binLine.at);
    const [first, second] = [scratch.pointer, scratch.pointer + size * bytesAPoint];
    const firstLine = (lines[0] as Region).pointer + 4 * place * columns;
    const lineBytes = (lines[1] as Region).pointer - (lines[0] as Region).pointer;
    // biome-ignore format: where the lines lie, the spectrum, tables and room.
    const finite = this.#kernel.readSpectrum(
      firstLine, lineBytes, columns, spectrum.pointer, size, twiddles.pointer, first, second,
    );
    if (!finite) assertFinite(sinogram, this.plan);
    const scale = scales[angle] as number;
    this.#kernel.filterLine(line.pointer, spectrum.pointer, size, binLine.pointer, phases.pointer, scale);
    const shift = shiftAt(this.plan, angle);
    if (shift !== 0) this.#kernel.shiftLine(line.pointer, size / 2, (2 * Math.PI * shift) / size);
    const [cosine, sine] = [cosines[angle] as number, sines[angle] as number];
    const reach = Math.max(Math.abs(cosine), Math.abs(sine));
    const inner = Math.min(size / 2 - 1, Math.floor((size / 2 - edgeMargin) / reach));
    const [single, wrap] = [accurate ? 0 : 1, accurate ? 1 : 0];
    // biome-ignore format: the grid, the line, the kernel, room for places, the direction, the rules.
    this.#kernel.spreadLine(
      grid.pointer, this.#pitch, size, line.pointer, kernel.pointer, density, places.pointer,
      cosine, sine, accurate ? 0 : 1, inner, single, wrap,
    );
  }

  /** The lines of some angles, because a copy costs more to begin than to make. */
  #copyLines(sinogram: Float32Array, quad: readonly QuadSlice[], angle: number): void {
    const { columns, angles } = this.plan;
    const count = Math.min(anglesTogether, angles - angle) * columns;
    quad.forEach(({ from }, i) => {
      const at = from + angle * columns;
      this.#arena.values.set(sinogram.subarray(at, at + count), (this.#regions.lines[i] as Region).at);
    });
  }

  /** From the grid to the pictures: all its rows, then only the columns that are shown. */
  #draw(quad: readonly QuadSlice[], out: Float32Array): void {
    const { size, down } = this.plan;
    const { grid, twiddles, scratch } = this.#regions;
    this.#kernel.transformRows(grid.pointer, this.#pitch, size, twiddles.pointer, scratch.pointer, this.#secondScratch);
    for (let first = 0; first < down.pixels; first += bandRows) {
      const end = Math.min(first + bandRows, down.pixels);
      this.#makeBand(first, end);
      this.#copyBand(first, end, quad, out);
    }
  }

  /** Grid columns `first` to `end` as rows of four pictures, in the order of a picture: the last one lies at the start. */
  #makeBand(first: number, end: number): void {
    const { size, across, down } = this.plan;
    const { grid, twiddles, scratch, columns, bands, acrossLine, downLine } = this.#regions;
    const bandBytes = (4 * bands.length) / slicesTogether;
    for (let k = first; k < end; ) {
      const batch = Math.min(columnsTogether, (k < down.origin ? Math.min(end, down.origin) : end) - k);
      const column = k < down.origin ? size - down.origin + k : k - down.origin;
      // biome-ignore format: what is read, how it is transformed, where it goes.
      this.#kernel.makeRows(
        grid.pointer, this.#pitch, size, column * bytesAPoint, batch, columns.pointer, twiddles.pointer, scratch.pointer, this.#secondScratch,
        bands.pointer, bandBytes, end - 1 - k, across.pixels, across.origin, acrossLine.pointer, downLine.pointer + 4 * k,
      );
      k += batch;
    }
  }

  #copyBand(first: number, end: number, quad: readonly QuadSlice[], out: Float32Array): void {
    const { across, down } = this.plan;
    const { bands } = this.#regions;
    quad.forEach(({ to }, i) => {
      const start = bands.at + (i * bands.length) / slicesTogether;
      const band = this.#arena.values.subarray(start, start + (end - first) * across.pixels);
      out.set(band, to + (down.pixels - end) * across.pixels);
    });
  }

  get #secondScratch(): number {
    return this.#regions.scratch.pointer + this.plan.size * columnsTogether * bytesAPoint;
  }

  /** For each bin: re and (-im, im) of the first slices of both pairs, then of the second ones. */
  #writePhases(quad: readonly QuadSlice[]): void {
    const { size, precision } = this.plan;
    const { phases } = this.#regions;
    const { values } = this.#arena;
    const one = new Float64Array(size);
    for (let slice = 0; slice < slicesTogether; slice++) {
      writeCentrePhases(one, size, quad[slice]?.centre ?? 0, precision);
      const at = phases.at + (slice % 2) * 8 + (slice >> 1) * 2;
      for (let j = 0; j < size / 2; j++) {
        const re = one[2 * j] as number;
        const im = one[2 * j + 1] as number;
        values[at + 16 * j] = re;
        values[at + 16 * j + 1] = re;
        values[at + 16 * j + 4] = -im;
        values[at + 16 * j + 5] = im;
      }
    }
  }
}

function layOut(arena: Arena, plan: GridrecPlan, pitch: number) {
  const { size, columns, grid, kernel, across, down } = plan;
  const numbersAPoint = bytesAPoint / 4;
  return {
    twiddles: arena.place(packTwiddles(size)),
    kernel: arena.place(kernel),
    acrossLine: arena.place(across.correction),
    downLine: arena.place(down.correction),
    binLine: arena.allocate(size / 2),
    phases: arena.allocate((size / 2) * 16),
    lines: Array.from({ length: slicesTogether }, () => arena.allocate(anglesTogether * columns)),
    spectrum: arena.allocate(size * numbersAPoint),
    line: arena.allocate((size / 2) * 8),
    places: arena.allocate((size / 2 + 2) * 6),
    scratch: arena.allocate(2 * size * columnsTogether * numbersAPoint),
    columns: arena.allocate(size * columnsTogether * numbersAPoint),
    grid: arena.allocate((size * pitch) / 4),
    bands: arena.allocate(slicesTogether * bandRows * grid.columns),
  };
}
