/**
 * Lets claimed payloads go with the events that name them: notes in CLAIMS say which event has which payload, the trimmer
 * says which events are done. What has no note, because its writer was killed before its event was stored, goes by age.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { type ClaimNote, claimChunkSubject, claimNotes, claimTtlMs, StreamReader, streams } from '#broker';
import { type ClaimFolder, isClaimName, sharedPlace, streamPlace } from '#claims';
import { type Clock, messageOf } from '#common';
import { patternCovers } from '#model';
import type { Trim } from '#routing';
import type { Logger } from '#telemetry';
import { localShares, type Waiting } from './local-data.ts';

export interface ClaimKeeperOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  /** The connection's inbox prefix. */
  readonly inbox: string;
  /** The pilot's shared folder; undefined where there is none. */
  readonly folder: ClaimFolder | undefined;
  /** Has a node remove files of its own. */
  readonly releaseAt: (node: string, names: readonly string[]) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Events that are gone from their own stream, or may go, and are still waited for elsewhere. */
export interface ClaimNeeds {
  /** Dead letters that may be redriven, retries. */
  readonly pinned: ReadonlySet<number>;
  /** Of triggers with order: events from here on stand in line behind those of their keys. */
  readonly inLine: readonly { readonly pattern: string; readonly from: number }[];
}

const sweepEveryMs = 60_000;
/** Released in one round; the others follow in the next ones. */
const releasesMax = 1_024;
/** Each function in each round looks through all notes: past so many that costs more than a local read saves. */
const lookedAtMax = 4_096;

interface KeptNote extends ClaimNote {
  readonly timeMs: number;
}

export class ClaimKeeper {
  readonly #options: ClaimKeeperOptions;
  readonly #reader: StreamReader;
  /** By their own sequence in CLAIMS, the oldest first. */
  readonly #notes = new Map<number, KeptNote>();
  #sweptAt = Number.NEGATIVE_INFINITY;
  #purgedBefore = 0;

  constructor(options: ClaimKeeperOptions) {
    this.#options = options;
    this.#reader = new StreamReader({
      ...options,
      stream: streams.claims,
      filter: claimNotes,
      from: 1,
      headersOnly: false,
      onMessage: ({ message, sequence, timeMs }) => {
        const note = parseNote(message.data);
        if (note) this.#notes.set(sequence, { ...note, timeMs });
      },
    });
  }

  close(): void {
    this.#reader.close();
  }

  /** Node -> its share of the payloads that lie on nodes and are waited for; empty where there are none, or too many to look at. */
  waitingOn(waiting: readonly Waiting[]): ReadonlyMap<string, number> {
    if (this.#notes.size > lookedAtMax || waiting.length === 0) return new Map();
    return localShares(this.#notes.values(), waiting);
  }

  /** After `trims` have been made of a stream that then begins with `firstSequence`. */
  async release(trims: readonly Trim[], firstSequence: number, needs: ClaimNeeds): Promise<void> {
    const { clock, folder } = this.#options;
    const now = clock.now();
    if (now - this.#sweptAt > sweepEveryMs) {
      this.#sweptAt = now;
      await folder?.sweep(claimTtlMs, now);
    }
    const byPlace = new Map<string, [number, KeptNote][]>();
    let chosen = 0;
    for (const entry of this.#notes) {
      const [sequence, note] = entry;
      // Swept by now, wherever it lay.
      if (now - note.timeMs > claimTtlMs) this.#notes.delete(sequence);
      else if (isDone(note, trims, firstSequence) && !isNeeded(note, needs) && chosen++ < releasesMax)
        byPlace.set(note.place, [...(byPlace.get(note.place) ?? []), entry]);
    }
    for (const [place, entries] of byPlace) await this.#releaseAt(place, entries);
    await this.#purgeNotes();
  }

  async #releaseAt(place: string, entries: readonly [number, KeptNote][]): Promise<void> {
    const { folder, manager, releaseAt, logger } = this.#options;
    const names = entries.map(([, { name }]) => name);
    try {
      if (place === sharedPlace) for (const name of names) await folder?.remove(name);
      else if (place === streamPlace) {
        for (const name of names) await manager.streams.purge(streams.claims, { filter: claimChunkSubject(name, '>') });
      } else await releaseAt(place, names);
    } catch (error) {
      // The next round tries again; a node that never comes back has lost its files with it.
      logger.info({ place, error: messageOf(error) }, 'claimed payloads not released yet');
      return;
    }
    for (const [sequence] of entries) this.#notes.delete(sequence);
  }

  /** All before the oldest one that is still needed, in one go. */
  async #purgeNotes(): Promise<void> {
    const [oldest] = this.#notes.keys();
    const before = oldest ?? this.#reader.next;
    if (before <= this.#purgedBefore) return;
    await this.#options.manager.streams.purge(streams.claims, { filter: claimNotes, seq: before });
    this.#purgedBefore = before;
  }
}

function isNeeded({ subject, sequence }: ClaimNote, { pinned, inLine }: ClaimNeeds): boolean {
  return (
    pinned.has(sequence) || inLine.some(({ pattern, from }) => sequence >= from && patternCovers(pattern, subject))
  );
}

function isDone({ subject, sequence }: ClaimNote, trims: readonly Trim[], firstSequence: number): boolean {
  return (
    sequence < firstSequence || trims.some(({ filter, before }) => sequence < before && patternCovers(filter, subject))
  );
}

/** Sources write notes: whatever else they may hold names no path. */
function parseNote(data: Uint8Array): ClaimNote | undefined {
  try {
    const note = JSON.parse(Buffer.from(data).toString('utf8')) as ClaimNote;
    const whole = isClaimName(note.name) && typeof note.place === 'string' && typeof note.subject === 'string';
    return whole && Number.isSafeInteger(note.sequence) ? note : undefined;
  } catch {
    return undefined;
  }
}
