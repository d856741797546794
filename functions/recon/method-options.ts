// What a reconstruction from arrays is told, from texts by name: flags of `npm run recon`, or headers of a call.
import {
  type BlockOrder,
  filterNames,
  type GridrecMode,
  type GridShape,
  type IterativeAlgorithm,
  iterativeAlgorithms,
} from '../kernels/index.ts';

export type Algorithm = 'gridrec' | 'fbp' | IterativeAlgorithm;
export const algorithms: readonly Algorithm[] = ['gridrec', 'fbp', ...iterativeAlgorithms];

/** What may be said, beside the arrays themselves. */
export const methodNames = [
  'algorithm',
  'mode',
  'centre',
  'filter',
  'filter-par',
  'iterations',
  'blocks',
  'order',
  'grid',
  'mask',
  'find-centre',
  'rings',
] as const;
export type MethodName = (typeof methodNames)[number];

export interface MethodOptions {
  readonly algorithm: Algorithm;
  readonly mode: GridrecMode;
  /** Undefined: half the columns, or what `findCentre` finds. */
  readonly centre: number | undefined;
  readonly filter: string;
  readonly filterParameters: readonly number[] | undefined;
  readonly iterations: number | undefined;
  readonly blocks: number | undefined;
  readonly order: BlockOrder;
  readonly grid: GridShape | undefined;
  readonly maskRatio: number | undefined;
  /** How to look for the axis where none is given; undefined: not at all. */
  readonly findCentre: 'entropy' | 'vo' | 'phase' | undefined;
  /** Columns of the median that takes stripes out; undefined: none. */
  readonly rings: number | undefined;
  /** What was said and means nothing to this algorithm. */
  readonly ignored: readonly MethodName[];
}

/** A text that cannot be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export type Given = (name: MethodName) => string | undefined;

/** Throws `UsageError`, which calls a name as `label` does. */
export function methodOptionsOf(given: Given, label: (name: string) => string): MethodOptions {
  const read = new Texts(given, label);
  const mode = read.oneOf('mode', ['accurate', 'compat'] as const) ?? 'accurate';
  const algorithm = read.oneOf('algorithm', algorithms);
  if (algorithm === undefined) throw new UsageError(`${label('algorithm')} is missing`);
  return {
    algorithm,
    mode,
    centre: read.number('centre'),
    filter: read.oneOf('filter', [...filterNames, 'custom']) ?? 'shepp',
    filterParameters: read.numbers('filter-par'),
    iterations: read.number('iterations'),
    blocks: read.number('blocks'),
    order:
      read.oneOf('order', ['sequential', 'interleaved'] as const) ?? (mode === 'compat' ? 'sequential' : 'interleaved'),
    grid: read.grid(),
    // As in a manifest, 0 is no mask.
    maskRatio: read.number('mask') || undefined,
    findCentre: read.oneOf('find-centre', ['entropy', 'vo', 'phase'] as const),
    rings: read.number('rings'),
    ignored: ignoredBy(algorithm, mode).filter((name) => given(name) !== undefined),
  };
}

function ignoredBy(algorithm: Algorithm, mode: GridrecMode): readonly MethodName[] {
  const ofFilters: readonly MethodName[] = ['filter', 'filter-par'];
  const ofBlocks: readonly MethodName[] = ['blocks', 'order'];
  if (algorithm === 'osem') return ofFilters;
  if (algorithm === 'mlem' || algorithm === 'sirt') return [...ofFilters, ...ofBlocks];
  const isUnfiltered = algorithm === 'fbp' && mode === 'compat';
  return ['iterations', ...ofBlocks, ...(isUnfiltered ? ofFilters : [])];
}

/** Texts as what they stand for. */
class Texts {
  readonly #given: Given;
  readonly #label: (name: string) => string;

  constructor(given: Given, label: (name: string) => string) {
    this.#given = given;
    this.#label = label;
  }

  oneOf<Choice extends string>(name: MethodName, choices: readonly Choice[]): Choice | undefined {
    const value = this.#given(name);
    const found = choices.find((choice) => choice === value);
    if (found !== undefined || value === undefined) return found;
    throw new UsageError(`${this.#label(name)} is "${value}"; it is one of ${choices.join(', ')}`);
  }

  number(name: MethodName): number | undefined {
    const value = this.#given(name);
    return value === undefined ? undefined : this.#toNumber(name, value);
  }

  numbers(name: MethodName): readonly number[] | undefined {
    return this.#given(name)
      ?.split(',')
      .map((part) => this.#toNumber(name, part));
  }

  grid(): GridShape | undefined {
    const value = this.#given('grid');
    if (value === undefined) return undefined;
    const [, rows, columns] = /^(\d+)x(\d+)$/.exec(value) ?? [];
    if (rows === undefined || columns === undefined)
      throw new UsageError(`${this.#label('grid')} is "${value}"; it is ROWSxCOLUMNS, such as 256x256`);
    return { rows: Number(rows), columns: Number(columns) };
  }

  #toNumber(name: MethodName, value: string): number {
    const number = value.trim() === '' ? Number.NaN : Number(value);
    if (Number.isFinite(number)) return number;
    throw new UsageError(`${this.#label(name)} is "${value}"; it is a number`);
  }
}
