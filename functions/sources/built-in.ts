// The sources that come with Pilotfish, by name.
import { kmeansPoints } from './kmeans-points.ts';
import { lightsource } from './lightsource.ts';
import type { Source } from './source.ts';
import { synthetic } from './synthetic.ts';

export const builtInSources: Readonly<Record<string, Source>> = { lightsource, kmeans: kmeansPoints, synthetic };

/** A module's default export as a source. Throws a TypeError that says what is missing from it. */
export function readSource(value: unknown, where: string): Source {
  const source = value as Partial<Source> | null | undefined;
  const missing =
    typeof source !== 'object' || source === null
      ? 'a default export'
      : typeof source.about !== 'string'
        ? 'the text `about`'
        : typeof source.settings !== 'object' || source.settings === null
          ? 'the object `settings`'
          : typeof source.open !== 'function'
            ? 'the function `open`'
            : undefined;
  if (missing) throw new TypeError(`${where} is no source: it lacks ${missing}`);
  return value as Source;
}
