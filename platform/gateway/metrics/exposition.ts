/** Metrics as Prometheus reads them: one family after the other, each with its help and type. */

export type Labels = Readonly<Record<string, string | number>>;

export interface Family {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
}

export type Sample =
  | { readonly labels: Labels; readonly value: number }
  | {
      readonly labels: Labels;
      /** Upper bounds, and one count more than there are bounds; counts are each without those below. */
      readonly bounds: readonly number[];
      readonly counts: readonly number[];
      readonly sum: number;
    };

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

export function expositionText(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, kind, help, samples }) =>
      [`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${kind}`, ...samples.flatMap((sample) => lines(name, sample))]
        .map((line) => `${line}\n`)
        .join(''),
    )
    .join('');
}

function lines(name: string, sample: Sample): string[] {
  if ('value' in sample) return [`${name}${labelText(sample.labels)} ${sample.value}`];
  const { labels, bounds, counts, sum } = sample;
  let total = 0;
  const buckets = [...bounds, '+Inf'].map((bound, at) => {
    total += counts[at] ?? 0;
    return `${name}_bucket${labelText({ ...labels, le: String(bound) })} ${total}`;
  });
  return [...buckets, `${name}_sum${labelText(labels)} ${sum}`, `${name}_count${labelText(labels)} ${total}`];
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(String(value)).replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
