// The filter as a manifest's `config` says it: `filter: hann`, `filterPar: [1.0]`.
type Config = Readonly<Record<string, unknown>>;

export interface FilterSettings {
  readonly filter: string;
  readonly filterParameters: readonly number[] | undefined;
  /** Both in words. */
  readonly text: string;
}

/** Throws `RangeError` for parameters that are no numbers; what they may be, and the filter's name, the kernels check. */
export function filterSettingsOf(config: Config): FilterSettings {
  const filter = String(config['filter'] ?? 'shepp');
  const given = config['filterPar'];
  if (given === undefined) return { filter, filterParameters: undefined, text: `filter=${filter}` };
  const numbers = [given].flat();
  if (!numbers.every((number): number is number => typeof number === 'number'))
    throw new RangeError(`filterPar is ${JSON.stringify(given)}; give cut-off and order, such as [0.5, 8]`);
  return { filter, filterParameters: numbers, text: `filter=${filter} filter-par=${numbers.join(',')}` };
}
