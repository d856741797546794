/** Which events of a trigger's subject it takes: by subject and headers. Pure. */
import { matchSubject } from '#model';
import type { TriggerFilter } from '#proto';

export type EventFilter = (subject: string, headers: Readonly<Record<string, string>>) => boolean;

/** Undefined where it takes all. Header names are compared as written on the wire, but for case. */
export function compileFilter(filter: TriggerFilter | undefined): EventFilter | undefined {
  if (!filter || filter.subjects.length + filter.headers.length === 0) return undefined;
  const wanted = filter.headers.map(({ name, values }) => ({ name: name.toLowerCase(), values: new Set(values) }));
  return (subject, headers) => {
    if (filter.subjects.length > 0 && !filter.subjects.some((pattern) => matchSubject(pattern, subject))) return false;
    if (wanted.length === 0) return true;
    const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    return wanted.every(({ name, values }) => {
      const value = lower.get(name);
      return value !== undefined && (values.size === 0 || values.has(value));
    });
  };
}
