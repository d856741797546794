// Reconstruction filters by name, x = frequency in cycles per column, in [0, 1/2].
// `filterAt` is TomoPy's definition (a ramp 2x times a window; used as it stands by the compat mode), `windowAt` the
// window alone, which the accurate mode multiplies with a ramp of its own.
import { InputError } from '../scan/errors.ts';

/** Formulas. Besides there is `custom`, a table: TomoPy's 2x times a window, or anything else, at x = j / P. */
export const filterNames = ['none', 'shepp', 'ramlak', 'cosine', 'parzen', 'hann', 'hamming', 'butterworth'] as const;
export type FilterName = (typeof filterNames)[number];

/** A filter as it is to be used: a formula with its two parameters, or a table. */
export type Filter =
  | { readonly name: FilterName; readonly parameters: readonly [number, number] }
  | { readonly name: 'custom'; readonly table: ArrayLike<number> };
type Formula = Exclude<Filter, { readonly name: 'custom' }>;

/** TomoPy's defaults: cut-off p0 and, for butterworth, order p1. With p0 = 1 hann and hamming are the usual windows. */
export const filterParametersDefault: readonly [number, number] = [0.5, 8];

/** True for the filters that hold the ramp, so for all but `none`. */
export function hasRamp(name: FilterName): boolean {
  return name !== 'none';
}

export function windowAt({ name, parameters: [cutOff, order] }: Formula, x: number): number {
  switch (name) {
    case 'none':
    case 'ramlak':
      return 1;
    case 'shepp':
      return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    case 'cosine':
      return Math.cos(Math.PI * x);
    case 'hann':
      return 0.5 * (1 + Math.cos((2 * Math.PI * x) / cutOff));
    case 'hamming':
      return 0.54 + 0.46 * Math.cos((2 * Math.PI * x) / cutOff);
    case 'parzen':
      return (1 - x / cutOff) ** 3;
    case 'butterworth':
      return 1 / (1 + (x / cutOff) ** (2 * order));
  }
}

export function filterAt(filter: Formula, x: number): number {
  return hasRamp(filter.name) ? 2 * x * windowAt(filter, x) : 1;
}

/** Checks a filter's name and parameters as they come from outside; the parameters of `custom` are its table. */
export function resolveFilter(name: string, parameters: ArrayLike<number> = filterParametersDefault): Filter {
  if (name === 'custom') return { name, table: parameters };
  const known = filterNames.find((candidate) => candidate === name);
  if (known === undefined) {
    throw new InputError('filter', `Filter "${name}" is not known; choose one of ${filterNames.join(', ')}, custom.`);
  }
  if (parameters.length > filterParametersDefault.length) {
    throw new InputError(
      'filter',
      `Filter "${name}" has two parameters, cut-off and order; ${parameters.length} were given. A table needs the filter "custom".`,
    );
  }
  const [cutOff, order] = [parameters[0] ?? filterParametersDefault[0], parameters[1] ?? filterParametersDefault[1]];
  if (!(Number.isFinite(cutOff) && cutOff > 0 && Number.isFinite(order))) {
    throw new InputError(
      'filter',
      `Filter parameters [${Array.from(parameters).join(', ')}] of "${name}": give a cut-off > 0 and a finite order.`,
    );
  }
  return { name: known, parameters: [cutOff, order] };
}
