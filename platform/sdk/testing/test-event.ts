/** An event as a handler sees it, made from what a test says of it. */
import { readCloudEvent } from '../cloud-event.ts';
import type { FunctionEvent } from '../definition.ts';
import { encodeData } from '../encode-result.ts';
import type { Part, Parts } from '../parts.ts';
import type { TestEvent } from './test-types.ts';

const decoder = new TextDecoder();

export function makeEvent(given: TestEvent, id: string, now: number): FunctionEvent {
  const data = given.data === undefined ? new Uint8Array(0) : encodeData(given.data);
  const text = () => decoder.decode(data);
  return {
    data,
    open: async () => data,
    dtype: given.dtype ?? '',
    shape: given.shape ?? [],
    text,
    json: <T>() => JSON.parse(text()) as T,
    subject: given.subject ?? '',
    headers: given.headers ?? {},
    get cloudEvent() {
      return readCloudEvent(given.headers ?? {});
    },
    id,
    sequence: given.sequence ?? 0,
    time: given.time ?? new Date(now),
    ...(given.parts ? { parts: makeParts(given) } : {}),
  };
}

/** In order of kind and index, each once, as the platform gives them. */
function makeParts({ parts = [], missing = {}, reason = 'complete', subject = '' }: TestEvent): Parts {
  const distinct = new Map(parts.map((part) => [`${part.kind} ${part.index}`, part]));
  const sorted = [...distinct.values()].sort((a, b) =>
    a.kind === b.kind ? a.index - b.index : a.kind < b.kind ? -1 : 1,
  );
  const counts: Record<string, number> = {};
  for (const { kind } of sorted) counts[kind] = (counts[kind] ?? 0) + 1;
  return {
    key: subject,
    count: sorted.length,
    counts,
    missing,
    reason,
    async *[Symbol.asyncIterator](): AsyncGenerator<Part, void, void> {
      for (const part of sorted) yield { headers: {}, ...part };
    },
  };
}
