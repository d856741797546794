/** Publishes scans as a detector would: parts in disorder, some of them twice, an end marker somewhere. */
import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import { EventPublisher, encodeHeaders, eventSubject, messageIdHeader } from '#broker';
import { systemClock } from '#common';

export interface PartDraft {
  readonly scan: string;
  readonly part: string;
  readonly expect?: string;
  readonly payload: Uint8Array;
}

/** A small generator of numbers in [0, 1) that gives the same ones for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` projections besides 10 darks and 10 flats, `doubles` of all twice, in disorder over a window, the end last. */
export function draftScan(scan: string, count: number, random: () => number, doubles = 0.05): PartDraft[] {
  const kinds = [
    ['dark', 10],
    ['flat', 10],
    ['projection', count - 20],
  ] as const;
  const parts = kinds.flatMap(([kind, number]) =>
    Array.from({ length: number }, (_, index) => ({
      scan,
      part: `${kind}:${index}`,
      payload: payloadOf(`${scan}/${kind}:${index}`),
    })),
  );
  const twice = parts.filter(() => random() < doubles);
  const disordered = [...parts, ...twice]
    .map((draft, at) => ({ draft, at: at + random() * 40 }))
    .sort((a, b) => a.at - b.at)
    .map(({ draft }) => draft);
  const expect = kinds.map(([kind, number]) => `${kind}=${number}`).join(',');
  return [...disordered, { scan, part: 'end', expect, payload: new Uint8Array(0) }];
}

/** Takes from each scan in turn, at random. */
export function interleave(scans: readonly (readonly PartDraft[])[], random: () => number): PartDraft[] {
  const rests = scans.map((scan) => [...scan]);
  const mixed: PartDraft[] = [];
  for (;;) {
    const left = rests.filter((rest) => rest.length > 0);
    const next = left[Math.floor(random() * left.length)]?.shift();
    if (!next) return mixed;
    mixed.push(next);
  }
}

/** Different for every part, 200 to 700 bytes. */
export function payloadOf(name: string): Uint8Array {
  const random = seededRandom([...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, 7));
  return Uint8Array.from({ length: 200 + Math.floor(random() * 500) }, () => Math.floor(random() * 256));
}

/** Publishes in order; resolves when the stream has stored all. Every message has an id of its own, doubles too: the stream keeps them. */
export async function publishParts(
  { connection, inbox }: { connection: NatsConnection; inbox: string },
  drafts: readonly PartDraft[],
  subjectOf: (scan: string) => string,
  pause: (at: number) => Promise<void> | undefined = () => undefined,
): Promise<void> {
  const publisher = new EventPublisher({ connection, inbox, clock: systemClock });
  const timer = setInterval(() => publisher.checkLost(), 500);
  const run = randomUUID();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let open = drafts.length;
  for (const [at, draft] of drafts.entries()) {
    await pause(at);
    const pairs: [string, string][] = [
      [messageIdHeader, `${run}.${at}`],
      ['Pilotfish-Part', draft.part],
    ];
    if (draft.expect !== undefined) pairs.push(['Pilotfish-Expect', draft.expect]);
    publisher.publish(eventSubject(subjectOf(draft.scan)), draft.payload, encodeHeaders(pairs), (error) => {
      if (error) reject(error);
      if (--open === 0) resolve();
    });
  }
  try {
    await promise;
  } finally {
    clearInterval(timer);
    publisher.close();
  }
}
