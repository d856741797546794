/**
 * Gathers small events of a subject into packs: one goes when it is full, or a millisecond after its first event. Events of a
 * subject keep their order; whatever cannot be in a pack goes by itself behind those before it.
 */
import { describePack, encodePack, type PackMember, packedBytes, packHeader, packMembersMax } from '#packs';
import { openPacksMax, packBytesMax, packedBytesMax, packWaitMs } from './limits.ts';

/** Sends one pack; resolves once it is on its way. */
export type SendPack = (
  subject: string,
  pack: Uint8Array,
  headers: readonly [string, string][],
  events: number,
) => Promise<void>;

interface OpenPack {
  readonly members: PackMember[];
  bytes: number;
}

export class Packer {
  readonly #send: SendPack;
  /** By subject, the one begun first in front. */
  readonly #open = new Map<string, OpenPack>();
  /** Packs that wait for room in the window: until they have it nothing more is taken (R6). */
  #waiting = 0;
  #waited: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #failure: unknown;

  constructor(send: SendPack) {
    this.#send = send;
  }

  /** A payload above it would fill a pack with a few others, and gain nothing. */
  static fits(payload: Uint8Array): boolean {
    return payload.byteLength <= packedBytesMax;
  }

  /** The payload must not change any more. Throws what an earlier pack failed with. */
  async add(subject: string, member: PackMember): Promise<void> {
    while (this.#waiting > 0 && !this.#failure) await this.#waited;
    if (this.#failure) throw this.#failure;
    const bytes = packedBytes(member);
    const before = this.#open.get(subject);
    if (before && before.bytes + bytes > packBytesMax) this.#close(subject, before);
    const pack = this.#open.get(subject) ?? this.#begin(subject);
    pack.members.push(member);
    pack.bytes += bytes;
    if (pack.members.length < packMembersMax) return;
    this.#close(subject, pack);
    await this.#waited;
  }

  /** Sends what has been gathered for the subject, or for all. */
  async flush(subject?: string): Promise<void> {
    for (const [each, pack] of this.#open) if (subject === undefined || each === subject) this.#close(each, pack);
    await this.#waited;
    if (this.#failure) throw this.#failure;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#open.clear();
  }

  #begin(subject: string): OpenPack {
    const [oldest] = this.#open;
    if (oldest && this.#open.size >= openPacksMax) this.#close(...oldest);
    const pack: OpenPack = { members: [], bytes: 0 };
    this.#open.set(subject, pack);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const [each, open] of this.#open) this.#close(each, open);
    }, packWaitMs);
    return pack;
  }

  #close(subject: string, { members }: OpenPack): void {
    this.#open.delete(subject);
    this.#waiting++;
    const headers: [string, string][] = [[packHeader, describePack(members.length)]];
    const sent = this.#send(subject, encodePack(members), headers, members.length)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .then(() => {
        this.#waiting--;
      });
    this.#waited = Promise.all([this.#waited, sent]).then(() => undefined);
  }
}
