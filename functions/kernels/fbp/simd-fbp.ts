// Filtered back-projection with fbp.as.ts: four slices that share an axis, four angles at a time. Memory: 16 bytes a pixel for the pictures, and
// lines of four angles, 64 bytes a fine sample each: 512 columns take 5 MB, 2,048 columns 69 MB.
import { binsOf } from '../fourier/filter-bins.ts';
import { packTwiddles } from '../fourier/twiddles.ts';
import { sameCentreGroups } from '../iterative/iterative-options.ts';
import { angleWeights } from '../scan/angle-weights.ts';
import { resolveCentres } from '../scan/scan.ts';
import { Arena, type KernelMemory } from '../wasm/arena.ts';
import { type FbpOptions, filteredLength, fineness, resolveFbp } from './fbp-options.ts';

interface FbpExports {
  readonly memory: KernelMemory;
  readonly memoryStart: () => number;
  readonly filterLine: (...args: number[]) => void;
  readonly smear: (...args: number[]) => void;
}

const lanes = 4;
const anglesTogether = 4;
const bytesASample = 16;

/** Bytes of memory that a reconstruction of these sizes takes. */
export function fbpBytes({ columns, grid = { rows: columns, columns } }: Pick<FbpOptions, 'columns' | 'grid'>): number {
  // Four lines, the fine spectrum, its scratch twice, the spectrum of half as many samples; tables take less than the rest.
  const fineLines = (anglesTogether + 5) * fineness * filteredLength(columns);
  return bytesASample * (grid.rows * grid.columns + fineLines) + 65_536;
}

/** Reconstructs slices x grid rows x grid columns. `module` is fbp.as.ts, compiled. Throws `InputError`; `RangeError` without memory. */
export function reconstructFbpSimd(module: WebAssembly.Module, options: FbpOptions): Float32Array<ArrayBuffer> {
  const { grid } = resolveFbp(options);
  const { slices, columns } = options;
  const pixels = grid.rows * grid.columns;
  const values = new Float32Array(slices * pixels);
  const tile = new Tile(module, options);
  for (const group of sameCentreGroups(resolveCentres(options.centre ?? columns / 2, slices, columns))) {
    for (let first = 0; first < group.slices.length; first += lanes) {
      tile.run(group.slices.slice(first, first + lanes), group.centre, values);
    }
  }
  return values;
}

/** Four slices in work together. */
class Tile {
  readonly #options: FbpOptions;
  readonly #resolved: ReturnType<typeof resolveFbp>;
  readonly #weights: Float64Array;
  readonly #kernel: FbpExports;
  readonly #arena: Arena;
  readonly #regions: ReturnType<typeof layOut>;

  constructor(module: WebAssembly.Module, options: FbpOptions) {
    this.#options = options;
    this.#resolved = resolveFbp(options);
    this.#weights = angleWeights(options.theta);
    const instance = new WebAssembly.Instance(module, { env: { abort: () => undefined } });
    this.#kernel = instance.exports as unknown as FbpExports;
    this.#arena = new Arena(this.#kernel.memory, this.#kernel.memoryStart());
    const { grid } = this.#resolved;
    this.#regions = layOut(this.#arena, filteredLength(options.columns), grid.rows * grid.columns);
  }

  run(slices: readonly number[], centre: number, out: Float32Array): void {
    const { grid } = this.#resolved;
    const { picture, lines, starts, across, down } = this.#regions;
    const { values } = this.#arena;
    const fineLength = fineness * filteredLength(this.#options.columns);
    values.fill(0, picture.at, picture.at + picture.length);
    for (let first = 0; first < this.#options.angles; first += anglesTogether) {
      for (let i = 0; i < anglesTogether; i++) this.#prepareAngle(slices, first + i, i, centre);
      // biome-ignore format: the picture, the lines, the directions.
      this.#kernel.smear(
        picture.pointer, grid.rows, grid.columns, lines.pointer, lines.length / anglesTogether * 4, fineLength,
        starts.pointer, across.pointer, down.pointer,
      );
    }
    const pixels = grid.rows * grid.columns;
    slices.forEach((slice, lane) => {
      for (let i = 0; i < pixels; i++) out[slice * pixels + i] = values[picture.at + i * lanes + lane] as number;
    });
  }

  /** Filters the lines of one angle, and says where its samples fall. Behind the last angle lie lines of zeros. */
  #prepareAngle(slices: readonly number[], angle: number, place: number, centre: number): void {
    const { sinogram, angles, columns, theta } = this.#options;
    const { grid, bins } = this.#resolved;
    const { spectrum, lines, binLine, starts, across, down, fine, twiddles, fineTwiddles, first, second } =
      this.#regions;
    const { values } = this.#arena;
    const length = filteredLength(columns);
    const lineLength = lines.length / anglesTogether;
    if (angle >= angles) {
      values.fill(0, lines.at + place * lineLength, lines.at + (place + 1) * lineLength);
      return;
    }
    values.fill(0, spectrum.at, spectrum.at + spectrum.length);
    slices.forEach((slice, lane) => {
      const from = (slice * angles + angle) * columns;
      for (let i = 0; i < columns; i++) values[spectrum.at + i * lanes + lane] = sinogram[from + i] as number;
    });
    if (angle === 0 || bins.perAngle) values.set(binsOf(bins, angle, length / 2), binLine.at);
    // biome-ignore format: the spectrum, the filter, the scratch, the result.
    this.#kernel.filterLine(
      spectrum.pointer, length, binLine.pointer, this.#weights[angle] as number, fine.pointer, fineness * length,
      twiddles.pointer, fineTwiddles.pointer, first.pointer, second.pointer, lines.pointer + place * lineLength * 4,
    );
    const [cosine, sine] = [fineness * Math.cos(theta[angle] as number), fineness * Math.sin(theta[angle] as number)];
    values[starts.at + place] = fineness * centre - (grid.columns / 2) * cosine + (grid.rows / 2 - 1) * sine;
    values[across.at + place] = cosine;
    values[down.at + place] = -sine;
  }
}

function layOut(arena: Arena, length: number, pixels: number) {
  const numbers = bytesASample / 4;
  const fineNumbers = fineness * length * numbers;
  return {
    twiddles: arena.place(packTwiddles(length)),
    fineTwiddles: arena.place(packTwiddles(fineness * length)),
    binLine: arena.allocate(length / 2),
    spectrum: arena.allocate(length * numbers),
    fine: arena.allocate(fineNumbers),
    first: arena.allocate(fineNumbers),
    second: arena.allocate(fineNumbers),
    // One more sample, the first one again; and a cache line, so that the four lines do not share its parts.
    lines: arena.allocate(anglesTogether * (fineNumbers + 16)),
    starts: arena.allocate(anglesTogether),
    across: arena.allocate(anglesTogether),
    down: arena.allocate(anglesTogether),
    picture: arena.allocate(pixels * lanes),
  };
}
