/** Where a process of the pilot, or a program beside it, can leave a large payload: the best place that it reaches. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Claim, ClaimFolder, type ClaimFolderOptions, type LeftFile, sharedPlace } from '#claims';
import { PlatformError } from '#common';
import type { Claims } from '#model';
import { claimNoteSubject } from '../subjects.ts';
import { writeChunks } from './claim-chunks.ts';
import type { EventPublisher } from './event-publisher.ts';
import { encodeHeadersWithId } from './message-headers.ts';

/** Which stored event has claimed a payload: with it the gateway knows when the payload may go. */
export interface ClaimNote {
  readonly place: string;
  readonly name: string;
  /** Of the event, as users write it. */
  readonly subject: string;
  readonly sequence: number;
}

export class ClaimWriter {
  readonly #folder: ClaimFolder | undefined;
  readonly #publisher: EventPublisher;

  constructor(folder: ClaimFolder | undefined, publisher: EventPublisher) {
    this.#folder = folder;
    this.#publisher = publisher;
  }

  /** Throws `no-capacity` where there is no room now, `payload-too-large` where there never will be. */
  write(data: Uint8Array): Promise<Claim> {
    return this.#folder ? this.#folder.write(data) : writeChunks(this.#publisher, data);
  }

  /** The same for a payload that lies in a file of the folder's file system; only where there is a folder. */
  adopt(left: LeftFile): Promise<Claim> {
    if (this.#folder) return this.#folder.adopt(left);
    throw new PlatformError('internal', 'there is no folder for the file that was left');
  }

  /** A claim whose note is lost goes when its time is over: nobody has to look at what becomes of it. */
  note(note: ClaimNote, settled: () => void = () => undefined): void {
    const subject = claimNoteSubject(note.place, note.name);
    const body = Buffer.from(JSON.stringify(note));
    this.#publisher.publish(subject, body, encodeHeadersWithId(subject, ''), settled);
  }
}

/** The folder of a place, or any that can be seen from here; undefined where none can. */
export async function findClaimFolder(claims: Claims, place?: string): Promise<ClaimFolder | undefined> {
  if (claims.place === 'stream') return undefined;
  const seen = place === undefined ? await readdir(claims.directory).catch(() => []) : [place];
  for (const node of seen.sort()) {
    const found = await ClaimFolder.find(folderOptions(claims, node));
    if (found) return found;
  }
  return undefined;
}

/** The folder that a node's agent writes to, made where it is missing; undefined where payloads go into the stream. */
export async function openClaimFolder(claims: Claims, node: string): Promise<ClaimFolder | undefined> {
  if (claims.place === 'stream') return undefined;
  return ClaimFolder.create(folderOptions(claims, claims.place === 'shared' ? sharedPlace : node));
}

function folderOptions({ directory, token, bytesMax }: Claims, place: string): ClaimFolderOptions {
  return { path: join(directory, place), place, token, bytesMax };
}
