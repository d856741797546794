/**
 * What the functions of this node have measured of themselves, added up since the agent began: instances come and go, counts
 * stay. Bounded by function (MetricBook) and in the number of functions.
 */
import type { UserSeries } from '#proto';
import { MetricBook, type MetricSample } from '#sdk';
import type { LogSink } from './log-sink.ts';

/** Of more, nothing is kept. */
const functionsMax = 256;

export class UserMetrics {
  readonly #books = new Map<string, MetricBook>();
  readonly #logs: Pick<LogSink, 'write'>;

  constructor(logs: Pick<LogSink, 'write'>) {
    this.#logs = logs;
  }

  add(functionName: string, samples: readonly MetricSample[]): void {
    const known = this.#books.get(functionName);
    if (!known && this.#books.size >= functionsMax) return;
    const book =
      known ?? new MetricBook((text) => this.#logs.write({ functionName, instance: 'agent', ...warning, text }));
    this.#books.set(functionName, book);
    for (const sample of samples) book.merge(sample);
  }

  /** Reads what has changed since it was last asked; all of it, the first time. */
  reader(): () => UserSeries[] {
    const seen = new Map<string, number>();
    return () =>
      [...this.#books].flatMap(([functionName, book]) => {
        const before = seen.get(functionName) ?? 0;
        if (book.revision === before) return [];
        seen.set(functionName, book.revision);
        return book.since(before).map(({ bounds, counts, ...sample }) => {
          return { function: functionName, ...sample, bounds: [...bounds], counts: [...counts] };
        });
      });
  }
}

const warning = { level: 'warn', call: '' } as const;
