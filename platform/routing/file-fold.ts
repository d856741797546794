/**
 * Which files of a directory have arrived, from one look at it after the other. Pure. A name arrives once for as long as it
 * lies there; one that went away and came back with other contents arrives anew.
 */

/** What identifies a file's contents without reading it. */
export interface FileStat {
  readonly bytes: number;
  readonly modifiedMs: number;
  readonly inode: number;
}

export interface ArrivedName {
  readonly name: string;
  readonly stat: FileStat;
}

/** Names remembered of one directory: those that lie there, and the ones that went last. */
export const fileNamesMax = 65_536;
/** Files that are looked at again and again until they are settled; the others have their turn after them. */
export const unsettledMax = 10_000;

export class FileFold {
  readonly #settles: boolean;
  /** Of files that have arrived, by name: what they were. The ones that went first are forgotten first. */
  readonly #known: Map<string, string>;
  readonly #absent = new Set<string>();
  readonly #unsettled = new Map<string, string>();

  constructor(ready: string, known: ReadonlyMap<string, string>) {
    this.#settles = ready !== 'renamed';
    this.#known = new Map(known);
  }

  get knownNames(): number {
    return this.#known.size;
  }

  /** Names of a listing that must be looked at: the others have arrived already. Forgets too old ones. */
  toStat(listing: readonly string[]): string[] {
    const present = new Set(listing);
    for (const name of this.#known.keys()) if (!present.has(name)) this.#absent.add(name);
    for (const name of this.#unsettled.keys()) if (!present.has(name)) this.#unsettled.delete(name);
    this.#forgetAbsent();
    const open = listing.filter((name) => !this.#known.has(name) || this.#absent.has(name));
    return open.length <= unsettledMax ? open : open.sort().slice(0, unsettledMax);
  }

  /** What a look at those names has found; returns the ones that have arrived. They are known once `arrived` is told. */
  look(found: readonly ArrivedName[]): ArrivedName[] {
    const ready: ArrivedName[] = [];
    for (const one of found) {
      const { name, stat } = one;
      const version = fileVersion(stat);
      if (this.#known.get(name) === version) {
        // Moved away and back: the same file.
        this.#absent.delete(name);
      } else if (!this.#settles || this.#unsettled.get(name) === version) ready.push(one);
      else this.#unsettled.set(name, version);
    }
    return ready;
  }

  arrived({ name, stat }: ArrivedName): void {
    this.#unsettled.delete(name);
    this.#absent.delete(name);
    this.#known.delete(name);
    this.#known.set(name, fileVersion(stat));
  }

  /** Names that have arrived, with their versions. */
  entries(): IterableIterator<[string, string]> {
    return this.#known.entries();
  }

  #forgetAbsent(): void {
    for (const name of this.#absent) {
      if (this.#known.size < fileNamesMax) return;
      this.#known.delete(name);
      this.#absent.delete(name);
    }
  }
}

export function fileVersion({ bytes, modifiedMs, inode }: FileStat): string {
  return `${bytes.toString(36)}.${Math.round(modifiedMs).toString(36)}.${inode.toString(36)}`;
}

/** A test of names against "*" (any text) and "?" (one character). */
export function compileGlob(glob: string): (name: string) => boolean {
  const text = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const pattern = new RegExp(`^${text}$`, 's');
  return (name) => pattern.test(name);
}

/** The file's name without its last ending, as one token of a subject. */
export function fileStem(name: string): string {
  const stem = name.replace(/(?<=.)\.[^.]*$/, '');
  return stem.replace(/[^A-Za-z0-9_-]+/g, '-').slice(0, 64) || '-';
}
