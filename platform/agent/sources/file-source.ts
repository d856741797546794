/**
 * Files that arrive in a directory: looked for at every poll, and sooner where inotify tells of one. Each is published once:
 * under an id of its name and contents, and written down afterwards; what a killed owner could not write down any more is
 * found in the stream.
 */
import { createHash } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageIdHeader } from '#broker';
import { fileSubject, messageOf } from '#common';
import type { Files } from '#proto';
import { type ArrivedName, compileGlob, FileFold, fileNamesMax, fileStem, fileVersion } from '#routing';
import { KnownFiles } from './known-files.ts';
import { lastHeaders, publishEvent, type SourceOptions, type TriggerSource } from './source.ts';
import { SourceMark } from './source-mark.ts';

interface FileRecord {
  readonly v: 1;
  /** What lay there at the trigger's making has been passed over, or is to arrive as well. */
  readonly begun: boolean;
}

/** Files looked at, or published, at a time: a parallel file system serves several, and not all at once. */
const atOnceMax = 16;
/** The same trouble is told to the function's authors this often at most. */
const tellEveryMs = 60_000;

export class FileSource implements TriggerSource {
  readonly #options: SourceOptions;
  readonly #files: Files;
  readonly #mark: SourceMark<FileRecord>;
  readonly #known: KnownFiles;
  readonly #fold: FileFold;
  readonly #matches: (name: string) => boolean;
  #watcher: FSWatcher | undefined;
  #lookAt = 0;
  #hinted = false;
  /** The first arrivals after a takeover may have been published by the owner before. */
  #takenOver = true;
  #toldAt = Number.NEGATIVE_INFINITY;

  private constructor(options: SourceOptions, files: Files, mark: SourceMark<FileRecord>, known: KnownFiles) {
    this.#options = options;
    this.#files = files;
    this.#mark = mark;
    this.#known = known;
    this.#fold = new FileFold(files.ready, known.all());
    this.#matches = compileGlob(files.match);
  }

  static async open(options: SourceOptions, key: string): Promise<FileSource | undefined> {
    const { files } = options.trigger;
    if (!files) return undefined;
    const mark = await SourceMark.read<FileRecord>(options.marks, key);
    // Written first of all: from now on a former owner's shards are the past.
    if (!(await mark.write({ v: 1, begun: mark.value?.begun ?? false }))) return undefined;
    return new FileSource(options, files, mark, await KnownFiles.read(options.marks, key));
  }

  async look(): Promise<boolean> {
    const { clock, held } = this.#options;
    const now = clock.monotonic();
    if (now < this.#lookAt && !this.#hinted) return true;
    // A hint finds what is renamed into place; what is to settle is compared from poll to poll only.
    const hint = now < this.#lookAt;
    if (hint && this.#files.ready !== 'renamed') return true;
    this.#hinted = false;
    if (!hint) this.#lookAt = now + this.#files.pollMs;
    this.#watch();
    const found = await this.#find();
    if (!found) return true;
    if (found === 'to be made') return this.#mark.value?.begun ? true : this.#begin([], []);
    const arrived = this.#fold.look(found);
    if (!held()) return false;
    if (!this.#mark.value?.begun) return this.#begin(found, arrived);
    const goesOn = await this.#publishAll(arrived);
    this.#takenOver = false;
    return goesOn;
  }

  stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** The first look of all: what lies there is passed over, unless it is wanted. */
  async #begin(found: readonly ArrivedName[], arrived: readonly ArrivedName[]): Promise<boolean> {
    if (!this.#files.existing) {
      for (const one of found) this.#fold.arrived(one);
      if (!(await this.#save(found))) return false;
    }
    if (!(await this.#mark.write({ v: 1, begun: true }))) return false;
    return this.#files.existing ? this.#publishAll(arrived) : true;
  }

  /**
   * Undefined where the directory cannot be read now; links and folders are no files. One that is missing in a folder that is there
   * is still to be made, and all that comes is new. Where the folder is missing, too, a file system may not be mounted, and what it
   * holds would look new.
   */
  async #find(): Promise<ArrivedName[] | 'to be made' | undefined> {
    const { directory } = this.#files;
    // Asked first: a file system that is mounted between two questions must not look like a folder whose directory is to be made.
    const isAbove = this.#mark.value?.begun === true || (await isThere(dirname(directory)));
    try {
      const names = (await readdir(directory)).filter(this.#matches);
      const found: ArrivedName[] = [];
      await inTurns(this.#fold.toStat(names), async (name) => {
        const stat = await lstat(join(directory, name)).catch(() => undefined);
        if (!stat?.isFile()) return;
        found.push({ name, stat: { bytes: stat.size, modifiedMs: stat.mtimeMs, inode: stat.ino } });
      });
      if (this.#fold.knownNames >= fileNamesMax)
        this.#tell(`${directory} holds ${fileNamesMax} files that have arrived: move finished ones away`);
      return found.sort((a, b) => a.stat.modifiedMs - b.stat.modifiedMs || (a.name < b.name ? -1 : 1));
    } catch (error) {
      this.#tell(`${directory} cannot be read, and is tried again: ${messageOf(error)}`);
      return isMissing(error) && isAbove ? 'to be made' : undefined;
    }
  }

  async #publishAll(arrived: readonly ArrivedName[]): Promise<boolean> {
    for (let at = 0; at < arrived.length; at += atOnceMax) {
      if (!this.#options.held()) return false;
      const some = arrived.slice(at, at + atOnceMax);
      await Promise.all(some.map((one) => this.#publish(one)));
      for (const one of some) this.#fold.arrived(one);
      if (!(await this.#save(some))) return false;
    }
    return true;
  }

  async #publish({ name, stat }: ArrivedName): Promise<void> {
    const { functionName, trigger } = this.#options;
    const hash = createHash('sha256').update(name).digest('base64url').slice(0, 16);
    const id = `file.${functionName}.${trigger.name}.${hash}.${fileVersion(stat)}`;
    const subject = fileSubject(functionName, trigger.name, fileStem(name));
    if (this.#takenOver && (await lastHeaders(this.#options, subject))?.get(messageIdHeader) === id) return;
    const path = join(this.#files.directory, name);
    const { bytes, modifiedMs, inode } = stat;
    await publishEvent(this.#options, { subject, id, headers: [], payload: { path, name, bytes, modifiedMs, inode } });
  }

  #save(some: readonly ArrivedName[]): Promise<boolean> {
    return this.#known.save(
      some.map(({ name }) => name),
      () => this.#fold.entries(),
    );
  }

  /** Best effort: many parallel file systems tell nothing of what other nodes write, and polling is enough. */
  #watch(): void {
    if (this.#watcher) return;
    try {
      const watcher = watch(this.#files.directory, { persistent: false }, () => {
        this.#hinted = true;
      });
      watcher.on('error', () => {
        watcher.close();
        this.#watcher = undefined;
      });
      this.#watcher = watcher;
    } catch {
      // No inotify here, or no directory yet: the next poll tries again.
    }
  }

  #tell(text: string): void {
    const now = this.#options.clock.monotonic();
    if (now - this.#toldAt < tellEveryMs) return;
    this.#toldAt = now;
    this.#options.tell('warn', text);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function inTurns(names: readonly string[], each: (name: string) => Promise<void>): Promise<void> {
  for (let at = 0; at < names.length; at += atOnceMax) await Promise.all(names.slice(at, at + atOnceMax).map(each));
}
