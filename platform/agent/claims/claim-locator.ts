/**
 * Brings a claimed payload into reach of this node's instances: a file that is here already is named, one of another node
 * is read through the agent that owns it, pieces are put together (design, "claim-check").
 */
import { randomUUID } from 'node:crypto';
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { readChunks } from '#broker';
import { type Claim, type ClaimFolder, missing, streamPlace } from '#claims';
import { PlatformError } from '#common';
import type { ClaimedHeader } from '#frames';
import { reserveSpool } from './spool-space.ts';

export interface LocatedClaim {
  readonly header: ClaimedHeader;
  /** Unlinks what was made for this one reader; a claim's own file stays. Again is a no-op. */
  readonly remove: () => void;
}

export interface ClaimLocatorOptions {
  readonly connection: NatsConnection;
  /** Where this node's own payloads lie; undefined where all are in the stream. */
  readonly folder: ClaimFolder | undefined;
  /** In tmpfs, readable for instances. */
  readonly spoolDirectory: string;
  /** Reads a file of another node. Throws `not-found`, `unavailable`. */
  readonly readFrom: (node: string, name: string) => AsyncIterable<Uint8Array>;
}

export class ClaimLocator {
  readonly #options: ClaimLocatorOptions;

  constructor(options: ClaimLocatorOptions) {
    this.#options = options;
  }

  /** Throws `not-found` or `corrupt` for good; `unavailable` and `no-capacity` may pass. */
  async locate(claim: Claim): Promise<LocatedClaim> {
    const { folder } = this.#options;
    if (folder && claim.place === folder.place) return located(folder.pathOf(claim.name), claim);
    return this.#fetch(claim);
  }

  async #fetch(claim: Claim): Promise<LocatedClaim> {
    const { spoolDirectory } = this.#options;
    const path = join(spoolDirectory, `${randomUUID()}.claim`);
    const reserved = await reserveSpool(spoolDirectory, () => createSized(path, claim.bytes), claim.bytes);
    const remove = () => void rm(path, { force: true });
    try {
      await writeAll(reserved, this.#pieces(claim), claim);
      return { header: headerOf(path, claim), remove };
    } catch (error) {
      remove();
      throw PlatformError.from(error);
    }
  }

  async *#pieces(claim: Claim): AsyncGenerator<Uint8Array, void, void> {
    const { connection, readFrom } = this.#options;
    if (claim.place !== streamPlace) return yield* readFrom(claim.place, claim.name);
    yield await readChunks(await jetstreamManager(connection, { checkAPI: false }), claim);
  }
}

/** Its content is checked by whoever reads it; whether it is there, and whole, is seen here. */
async function located(path: string, claim: Claim): Promise<LocatedClaim> {
  const stats = await stat(path).catch((error: unknown) => {
    throw missing(claim.name, error);
  });
  if (stats.size !== claim.bytes) throw wrongSize(claim, stats.size);
  return { header: headerOf(path, claim), remove: () => undefined };
}

function headerOf(path: string, { name, bytes, checksum }: Claim): ClaimedHeader {
  return { path, name, bytes, checksum };
}

function wrongSize({ name, bytes }: Claim, actual: number): PlatformError {
  return new PlatformError('corrupt', `the claimed payload ${name} has ${actual} bytes of ${bytes}`);
}

/** Its size is its reservation from the beginning. */
function createSized(path: string, bytes: number): string {
  const file = openSync(path, 'wx', 0o600);
  ftruncateSync(file, bytes);
  closeSync(file);
  return path;
}

async function writeAll(path: string, pieces: AsyncIterable<Uint8Array>, claim: Claim): Promise<void> {
  const file = await open(path, 'r+');
  try {
    let at = 0;
    for await (const piece of pieces) {
      if (at + piece.length > claim.bytes) break;
      await file.write(piece, 0, piece.length, at);
      at += piece.length;
    }
    await file.truncate(at);
    if (at !== claim.bytes) throw wrongSize(claim, at);
  } finally {
    await file.close();
  }
}
