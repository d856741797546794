// One scan while it arrives: darks and flats are averaged, each projection is added to the picture, previews are cut from the stack. Pure.
// Frames that never came are counted by their places; the picture is of those that did.
import {
  assertAngle,
  assertFiniteCounts,
  type FlatField,
  FrameMean,
  InputError,
  minusLog,
  normalise,
  StreamingGridrec,
  updateWithAngles,
} from '../kernels/index.ts';
import type { FrameHeaders } from '../sources/messages.ts';

export interface StreamOptions {
  readonly algorithm: 'gridrec' | 'osem';
  readonly filter: string;
  /** Rotation axis in columns; undefined: the middle of the detector. */
  readonly centre: number | undefined;
  /** Projections of half a turn. */
  readonly window: number;
  /** Projections that an OSEM step waits for. */
  readonly group: number;
  /** Detector rows to reconstruct, spread over all. */
  readonly rowsMax: number;
  /** siddon.as.ts, compiled: without it plain TypeScript follows the rays. */
  readonly kernel?: WebAssembly.Module | undefined;
}

export interface OrthoSlices {
  /** Across the axis, in the middle of the rows; along it, through the middle, in both directions. */
  readonly xy: { readonly rows: number; readonly columns: number; readonly values: Float32Array };
  readonly xz: { readonly rows: number; readonly columns: number; readonly values: Float32Array };
  readonly yz: { readonly rows: number; readonly columns: number; readonly values: Float32Array };
}

interface Projection {
  readonly theta: number;
  readonly lines: Float32Array;
}

const startValue = 1e-6;
/** Of one scan in memory, beside GridRec's own bound: an OSEM stack. */
const stackBytesMax = 2 ** 29;

export class ScanStream {
  readonly rows: Uint32Array;
  readonly columns: number;
  readonly centre: number;
  readonly #options: StreamOptions;
  readonly #frameRows: number;
  readonly #dark: FrameMean;
  readonly #flat: FrameMean;
  readonly #gridrec: StreamingGridrec | undefined;
  readonly #osem: Float32Array | undefined;
  readonly #waiting: Projection[] = [];
  /** Of the step before. */
  #group: readonly Projection[] = [];
  readonly #seen = new Set<number>();
  #field: FlatField | undefined;
  readonly #inherited: { dark?: Float32Array; flat?: Float32Array } = {};
  #last = -1;
  #expected: number | undefined;

  /** Of the shape of its first frame. Throws `InputError`. */
  constructor({ rows, columns }: { readonly rows: number; readonly columns: number }, options: StreamOptions) {
    const count = Math.min(rows, options.rowsMax);
    this.#options = options;
    this.#frameRows = rows;
    this.columns = columns;
    this.rows = Uint32Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * rows) / count));
    this.centre = options.centre ?? columns / 2;
    this.#dark = new FrameMean(count * columns);
    this.#flat = new FrameMean(count * columns);
    const { filter, window } = options;
    if (options.algorithm === 'gridrec') {
      this.#gridrec = new StreamingGridrec({ slices: count, columns, centre: this.centre, filter, window });
      return;
    }
    if (count * columns * columns * 4 > stackBytesMax) {
      throw new InputError(
        'slices',
        `${count} slices of ${columns} x ${columns} are more than ${stackBytesMax} bytes; lower \`rows\`.`,
      );
    }
    this.#osem = new Float32Array(count * columns * columns).fill(startValue);
  }

  /** Projections in the picture, and since the beginning. */
  get used(): number {
    return this.#gridrec?.count ?? this.#seen.size - this.#waiting.length;
  }

  get seen(): number {
    return this.#seen.size;
  }

  /** Places up to the last one seen (or up to the end marker's count) without a projection. */
  get missing(): number {
    return Math.max(0, Math.max(this.#last + 1, this.#expected ?? 0) - this.#seen.size);
  }

  /** Mean dark and flat frames, once there are both. */
  get field(): FlatField | undefined {
    if (this.#field) return this.#field;
    const [dark, flat] = [this.#meanNow('dark'), this.#meanNow('flat')];
    if (dark && flat) this.#field = { dark, flat };
    return this.#field;
  }

  /** Of those that have come here; another instance goes on with it where this one is lost. */
  meanOf(kind: 'dark' | 'flat'): Float32Array | undefined {
    const mean = kind === 'dark' ? this.#dark : this.#flat;
    return mean.count > 0 ? mean.mean() : undefined;
  }

  /** From the instance before, for as long as there are none of its own. */
  inherit(kind: 'dark' | 'flat', mean: Float32Array): void {
    this.#inherited[kind] = mean;
    this.#field = undefined;
  }

  /** True for a projection that was not there before. A second one of the same place changes nothing. Throws `InputError`. */
  add(frame: FrameHeaders, values: Uint16Array | Float32Array): boolean {
    if (frame.rows !== this.#frameRows || frame.columns !== this.columns) {
      throw new InputError(
        'length',
        `the frame is ${frame.rows} x ${frame.columns}, those before it ${this.#frameRows} x ${this.columns}.`,
      );
    }
    if (frame.kind === 'end') {
      this.#expected = frame.expect.projection;
      if (this.#osem && this.#waiting.length > 0) this.#step(this.#osem);
      return false;
    }
    const picked = this.#pick(frame, values);
    if (frame.kind !== 'projection') {
      (frame.kind === 'dark' ? this.#dark : this.#flat).add(picked);
      this.#field = undefined;
      return false;
    }
    if (this.#seen.has(frame.index)) return false;
    const { field } = this;
    if (!field) {
      throw new InputError(
        'length',
        `projection ${frame.index} came before any ${this.#meanNow('dark') ? 'flat' : 'dark'} frame.`,
      );
    }
    const lines = new Float32Array(picked.length);
    normalise(picked, field, lines);
    minusLog(lines);
    this.#gridrec?.add(frame.theta ?? Number.NaN, lines);
    if (this.#osem) this.#waiting.push({ theta: frame.theta ?? Number.NaN, lines });
    this.#seen.add(frame.index);
    this.#last = Math.max(this.#last, frame.index);
    if (this.#osem && this.#waiting.length >= this.#options.group) this.#step(this.#osem);
    return true;
  }

  preview(): OrthoSlices {
    const n = this.columns;
    const z = this.rows.length;
    const stack = this.#gridrec?.picture() ?? (this.#osem as Float32Array);
    const middle = n >> 1;
    const cut = (pick: (slice: number, at: number) => number) => ({
      rows: z,
      columns: n,
      values: Float32Array.from({ length: z * n }, (_, i) => stack[pick(Math.floor(i / n), i % n)] as number),
    });
    return {
      xy: { rows: n, columns: n, values: stack.slice((z >> 1) * n * n, ((z >> 1) + 1) * n * n) },
      xz: cut((slice, x) => (slice * n + middle) * n + x),
      yz: cut((slice, y) => (slice * n + y) * n + middle),
    };
  }

  #meanNow(kind: 'dark' | 'flat'): Float32Array | undefined {
    return this.meanOf(kind) ?? this.#inherited[kind];
  }

  /** The rows that are reconstructed. A bad frame is refused before it is among others: it must not take a group of OSEM with it. */
  #pick(
    frame: FrameHeaders & { readonly kind: 'dark' | 'flat' | 'projection' },
    values: Uint16Array | Float32Array,
  ): Float32Array {
    const picked = new Float32Array(this.rows.length * this.columns);
    for (const [at, row] of this.rows.entries()) {
      picked.set(values.subarray(row * this.columns, (row + 1) * this.columns), at * this.columns);
    }
    assertFiniteCounts(picked, `The ${frame.kind} frame ${frame.index}`);
    if (frame.kind === 'projection') assertAngle(frame.theta ?? Number.NaN, `the angle of projection ${frame.index}`);
    return picked;
  }

  /** One OSEM step with the group that has come; a last one that is not whole is filled up from the one before, for a few angles draw streaks. */
  #step(stack: Float32Array): void {
    const come = this.#waiting.splice(0);
    const group = [...this.#group, ...come].slice(-Math.max(this.#options.group, come.length));
    this.#group = come;
    const slices = this.rows.length;
    const sinogram = new Float32Array(slices * group.length * this.columns);
    for (const [angle, { lines }] of group.entries()) {
      for (let slice = 0; slice < slices; slice++) {
        const line = lines.subarray(slice * this.columns, (slice + 1) * this.columns);
        sinogram.set(line, (slice * group.length + angle) * this.columns);
      }
    }
    const theta = Float64Array.from(group, (one) => one.theta);
    const { columns } = this;
    const { kernel } = this.#options;
    // Rays count columns from the detector's edge.
    const centre = this.centre + 0.5;
    const angles = group.length;
    updateWithAngles({ algorithm: 'osem', sinogram, slices, angles, columns, theta, centre, kernel }, stack);
  }
}
