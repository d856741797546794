/**
 * Brings the parts of a closed key from the stream into one file in tmpfs, which the instance maps or reads (G6):
 * first the index (JSON, GatheredPart[]), then the payloads at the offsets that the index tells.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { decodeHeaders, eventSubject, type PulledEvent, type StoredMessage, StreamReader, streams } from '#broker';
import { claimHeader, readClaim } from '#claims';
import { PlatformError, systemClock } from '#common';
import type { SpoolHeader } from '#frames';
import { decodePack, packHeader, packLeftHeader, readMemberHeaders } from '#packs';
import {
  decodeGatherEvent,
  expandMissing,
  type GatherEvent,
  gatherHeaders,
  parsePartMark,
  partHeader,
  splitPlace,
  windowPartKind,
} from '#routing';
import type { ClaimLocator, LocatedClaim } from '../claims/claim-locator.ts';
import { reserveSpool } from '../claims/spool-space.ts';
import { SpoolFile } from './spool-file.ts';

export interface GatheredSpool {
  readonly header: SpoolHeader;
  /** Unlinks the file; again is a no-op. */
  readonly remove: () => void;
}

export interface FetchOptions {
  readonly connection: NatsConnection;
  /** The connection's inbox prefix. */
  readonly inbox: string;
  /** In tmpfs; made when it is missing. */
  readonly spoolDirectory: string;
  /** Brings the claimed payloads of parts into reach. */
  readonly claims: Pick<ClaimLocator, 'locate'>;
}

/** Claimed payloads of parts that are brought here at once. */
const claimsAtOnce = 4;

/** No part for this long: the broker is away; the gather event is tried again later. */
const stallMs = 15_000;

/** Subject, as users write it, of the parts that a gather event stands for. */
export function gatheredSubject(event: PulledEvent): string {
  return event.message.headers?.get(gatherHeaders.subject) ?? '';
}

/** Why a gather event must be dead-lettered instead of handled (onIncomplete: dlq); undefined where it is to be handled. */
export function gatherRefusal(event: PulledEvent): string | undefined {
  // Whoever redrives it wants it handled with the parts that are there.
  if (event.retry && event.retry.redriven > 0) return undefined;
  return event.message.headers?.get(gatherHeaders.refusal) || undefined;
}

/** Removes what an earlier agent left in the directory. */
export function clearSpools(spoolDirectory: string): void {
  rmSync(spoolDirectory, { recursive: true, force: true });
  mkdirSync(spoolDirectory, { recursive: true, mode: 0o700 });
}

/**
 * Reads all listed parts; the server's flow control bounds what is under way (32 MiB), the file is written as they come.
 * Throws `not-found` when a listed part is gone, `corrupt` for what is no gather event, `no-capacity` when the node's
 * spools are full for too long, `unavailable` when the broker falls silent.
 */
export async function fetchGathered(event: PulledEvent, options: FetchOptions): Promise<GatheredSpool> {
  const { event: gathered, sequences } = decodeGatherEvent(event.message.data);
  mkdirSync(options.spoolDirectory, { recursive: true, mode: 0o700 });
  const path = join(options.spoolDirectory, `${randomUUID()}.spool`);
  const file = await reserveSpool(
    options.spoolDirectory,
    () => new SpoolFile(path, sequences.length, gathered.bytes),
    gathered.bytes,
  );
  const located: LocatedClaim[] = [];
  const remove = () => {
    file.remove();
    for (const claim of located.splice(0)) claim.remove();
  };
  try {
    if (sequences.length > 0) await readParts(gathered, sequences, options, file);
    await locateClaims(file, options, located);
    const indexBytes = file.finish();
    return { header: spoolHeader(gathered, path, indexBytes), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function spoolHeader(gathered: GatherEvent, path: string, indexBytes: number): SpoolHeader {
  const { reason, parts, window } = gathered;
  const { startMs, endMs } = window ?? {};
  return {
    path,
    key: window?.key ?? gathered.key,
    reason,
    counts: parts,
    missing: expandMissing(gathered.missing),
    indexBytes,
    ...(startMs === undefined || endMs === undefined ? {} : { span: [startMs, endMs] }),
  };
}

async function readParts(
  gathered: GatherEvent,
  places: readonly number[],
  options: FetchOptions,
  file: SpoolFile,
): Promise<void> {
  const sequences = places.map(Math.floor);
  const manager = await jetstreamManager(options.connection, { checkAPI: false });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const last = sequences.at(-1) ?? 0;
  let wanted = 0;
  let progressAt = systemClock.monotonic();
  let trouble: unknown;
  const gone = () =>
    reject(
      new PlatformError(
        'not-found',
        `part gone: message ${sequences[wanted]} of gather "${gathered.key}" is not in the stream any more`,
      ),
    );
  const reader = new StreamReader({
    connection: options.connection,
    manager,
    inbox: options.inbox,
    clock: systemClock,
    stream: streams.events,
    filter: eventSubject(gathered.subject),
    from: sequences[0] ?? 1,
    headersOnly: false,
    onMessage: (stored) => {
      progressAt = systemClock.monotonic();
      const next = sequences[wanted] ?? Number.POSITIVE_INFINITY;
      // Below: a double, an end marker. Above: the listed one is not there.
      if (stored.sequence < next) return;
      if (stored.sequence > next) return gone();
      try {
        wanted += gathered.window ? appendEvents(stored, places, wanted, file) : appendPart(stored, file);
      } catch (error) {
        return reject(PlatformError.from(error));
      }
      if (stored.sequence === last) resolve();
    },
    // Everything stored has been read, and the part was not there.
    onCurrent: () => {
      if (wanted < sequences.length) gone();
    },
    onTrouble: (error) => {
      trouble = error;
    },
  });
  const watch = setInterval(() => {
    if (systemClock.monotonic() - progressAt < stallMs) return;
    reject(
      new PlatformError('unavailable', `the parts of gather "${gathered.key}" cannot be read`, { cause: trouble }),
    );
  }, 1_000);
  try {
    await promise;
  } finally {
    clearInterval(watch);
    reader.close();
  }
}

/** Several at once; a part whose payload is gone fails the whole, as one that is gone itself does (G6). */
async function locateClaims(file: SpoolFile, { claims }: FetchOptions, located: LocatedClaim[]): Promise<void> {
  const claimed = file.claimed();
  const lane = async () => {
    for (let next = claimed.pop(); next; next = claimed.pop()) {
      const found = await claims.locate(next.claim);
      located.push(found);
      next.locate(found.header);
    }
  };
  await Promise.all(Array.from({ length: claimsAtOnce }, lane));
}

function appendPart(stored: StoredMessage, file: SpoolFile): number {
  const { sequence, message } = stored;
  const { own, claim, headers } = headersOf(stored);
  const mark = parsePartMark(headers[partHeader], undefined);
  if (mark.type !== 'part') throw new PlatformError('corrupt', `message ${sequence} is listed as a part and is none`);
  file.append(message.data, { kind: mark.kind, index: mark.index, sequence, headers: own }, claim);
  return 1;
}

/** Those of the window's events from `index` on that the message holds; returns how many. Each has its place in the window. */
function appendEvents(stored: StoredMessage, places: readonly number[], index: number, file: SpoolFile): number {
  const { message, sequence } = stored;
  const { own, claim, headers } = headersOf(stored);
  if (headers[packHeader] === undefined) {
    file.append(message.data, { kind: windowPartKind, index, sequence, headers: own }, claim);
    return 1;
  }
  const members = decodePack(message.data);
  const { [packHeader]: _pack, [packLeftHeader]: _left, ...shared } = own;
  for (let at = index; at < places.length; at++) {
    const { sequence: of, member } = splitPlace(places[at] ?? 0);
    if (of !== sequence) return at - index;
    const found = members[member];
    if (!found) throw new PlatformError('corrupt', `the pack ${sequence} has no member ${member}`);
    const about = { ...shared, ...readMemberHeaders(found.headers) };
    file.append(found.payload, { kind: windowPartKind, index: at, sequence, headers: about });
  }
  return places.length - index;
}

function headersOf({ message }: StoredMessage) {
  const headers = decodeHeaders(message);
  const isOwn = (name: string) => !name.startsWith('Nats-') && name !== claimHeader;
  const own = Object.fromEntries(Object.entries(headers).filter(([name]) => isOwn(name)));
  return { own, claim: readClaim(headers), headers };
}
