/** A function that is given a key's parts while it is open, what is published to it, and what comes of it. */
import type { EventClient } from '#client';
import { eventually } from './eventually.ts';
import type { TestPilot } from './pilot.ts';

/** Tells how far it has read when it has read `tell` parts; its result is what it was given, in that order. */
export const followHandler = `async (event, ctx) => {
  const seen = [];
  let bytes = 0;
  for await (const { kind, index, data } of event.parts!) {
    seen.push(kind + index);
    bytes += data.length;
    if (seen.length === 3) {
      const { instance, node } = ctx.function;
      const { key, reason } = event.parts!;
      const told = JSON.stringify({ key, reason, instance, node });
      await ctx.publish('half.' + key, told, { id: event.id + '.half.' + instance });
    }
    if (event.parts!.key.startsWith('early')) return 'early';
  }
  const { key, count, counts, missing, reason } = event.parts!;
  return { key, seen, bytes, count, counts, missing, reason };
}`;

export const streamingGather = (more: string) => `gather: { key: "{1}", timeout: 2m, streaming: true, ${more} }`;

/** Results on `<prefix>.<key>` as they come. */
export async function reading(pilot: TestPilot, prefix: string) {
  const source = await pilot.events('viewer');
  const stop = new AbortController();
  const texts: string[] = [];
  const events = await source.read(`${prefix}.*`, { signal: stop.signal });
  const read = (async () => {
    for await (const { data } of events) texts.push(Buffer.from(data).toString('utf8'));
  })();
  const until = (count: number) =>
    eventually(() => texts.length >= count, { timeoutMs: 60_000, what: `${count} results on ${prefix}` });
  const close = async () => {
    stop.abort();
    await read;
    await source.close();
  };
  return { texts, until, [Symbol.asyncDispose]: close };
}

/** Parts by name, such as "projection:3"; then the end marker, where it says what is expected. Resolves when all are stored. */
export async function publishParts(
  source: EventClient,
  subject: string,
  parts: readonly string[],
  expected?: string,
): Promise<void> {
  for (const part of parts) await source.publish(subject, part, { headers: { 'Pilotfish-Part': part } });
  if (expected)
    await source.publish(subject, '', { headers: { 'Pilotfish-Part': 'end', 'Pilotfish-Expect': expected } });
  await source.flush();
}

export async function publish(
  pilot: TestPilot,
  subject: string,
  parts: readonly string[],
  expected?: string,
): Promise<void> {
  await using source = await pilot.events('source');
  await publishParts(source, subject, parts, expected);
}

export const projections = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => `projection:${from + at}`);
