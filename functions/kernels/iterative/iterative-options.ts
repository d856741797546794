// What the iterative methods are told, its defaults and its checks; shared by the plain and the SIMD version.
import { InputError } from '../scan/errors.ts';
import { assertGrid, type GridShape } from '../scan/grid.ts';
import { assertScan, type Scan } from '../scan/scan.ts';

export const iterativeAlgorithms = ['mlem', 'osem', 'sirt'] as const;
export type IterativeAlgorithm = (typeof iterativeAlgorithms)[number];

/** Angles of a block: neighbours (TomoPy's rule), or every so-manieth, which needs fewer passes. */
export type BlockOrder = 'sequential' | 'interleaved';

export interface IterativeOptions extends Scan {
  readonly algorithm: IterativeAlgorithm;
  /** Rotation axis, which lies on sample index centre - 1/2; one for all slices or one a slice. Default columns / 2. */
  readonly centre?: number | Float64Array | undefined;
  /** Default 10. */
  readonly iterations?: number | undefined;
  /** Only for osem. Default 10, or as many as there are angles. */
  readonly blocks?: number | undefined;
  readonly order?: BlockOrder | undefined;
  /** Cells of the picture. Default columns x columns. */
  readonly grid?: GridShape | undefined;
  /** siddon.as.ts, compiled; without it plain TypeScript does the work. */
  readonly kernel?: WebAssembly.Module | undefined;
  /** What every cell starts with. Default 1e-6. */
  readonly start?: number | undefined;
}

export const iterationsDefault = 10;
export const blocksDefault = 10;
const startDefault = 1e-6;
const iterationsMax = 10_000;

export function resolveIterative(options: IterativeOptions): {
  readonly grid: GridShape;
  readonly iterations: number;
  readonly blocks: number;
  readonly start: number;
} {
  assertScan(options);
  const { algorithm, angles, columns } = options;
  const { iterations = iterationsDefault, start = startDefault, grid = { rows: columns, columns } } = options;
  const blocks = algorithm === 'osem' ? (options.blocks ?? Math.min(blocksDefault, angles)) : 1;
  whole('iterations', iterations, iterationsMax);
  whole('blocks', blocks, angles);
  assertGrid(grid);
  return { grid, iterations, blocks, start };
}

function whole(name: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= max) return;
  throw new InputError('option', `${name} is ${value}; give a whole number from 1 to ${max}.`);
}

/** The angles of each block. Sizes differ by one at most, the larger blocks come first. */
export function blocksOf(angles: number, blocks: number, order: BlockOrder = 'sequential'): readonly Uint32Array[] {
  if (order === 'interleaved') {
    return Array.from({ length: blocks }, (_, block) =>
      Uint32Array.from({ length: Math.ceil((angles - block) / blocks) }, (_, i) => block + i * blocks),
    );
  }
  const size = Math.floor(angles / blocks);
  const larger = angles % blocks;
  return Array.from({ length: blocks }, (_, block) => {
    const first = block * size + Math.min(block, larger);
    return Uint32Array.from({ length: size + (block < larger ? 1 : 0) }, (_, i) => first + i);
  });
}

/** Slices whose rays are the same. */
export function sameCentreGroups(
  centres: Float64Array,
): readonly { readonly centre: number; readonly slices: readonly number[] }[] {
  const groups = new Map<number, number[]>();
  for (const [slice, centre] of centres.entries()) {
    const group = groups.get(centre);
    if (group) group.push(slice);
    else groups.set(centre, [slice]);
  }
  return [...groups].map(([centre, slices]) => ({ centre, slices }));
}
