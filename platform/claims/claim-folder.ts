/**
 * The folder of one place: one file a claim, named by it. A file appears whole (written beside, then renamed), is never
 * changed, and belongs to the pilot's user alone. Who may write there must hold the folder's token: it proves that this
 * path, on this machine, is the pilot's folder and not one of the same name elsewhere.
 */
import { lstatSync, renameSync, type Stats } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBytes, messageOf, PlatformError } from '#common';
import { type Claim, claimBytesMax, claimOf, isClaimName, newClaimName } from './claim.ts';

/** A dot keeps it out of the way of claims. */
const tokenFile = '.pilot';
/** A payload that is being written; left behind by a writer that was killed, the sweep takes it. */
const unfinishedMark = '.part';
const unfinishedMsMax = 10 * 60_000;
/** Of a file system, so much stays free: it is not ours alone. */
const reservedShare = 0.1;
/** How long a measurement of what is used holds. */
const measureEveryMs = 1_000;

export interface ClaimFolderOptions {
  readonly path: string;
  /** What claims in it name as their place. */
  readonly place: string;
  readonly token: string;
  /** All claims of the folder together. */
  readonly bytesMax: number;
}

/** A payload that somebody has left in a file: the folder may take that over instead of a copy. */
export interface LeftFile {
  readonly path: string;
  readonly bytes: number;
  readonly checksum: string;
}

export class ClaimFolder {
  readonly place: string;
  readonly path: string;
  readonly #bytesMax: number;
  #room = 0;
  #measuredAt = Number.NEGATIVE_INFINITY;
  #measuring: Promise<void> | undefined;

  private constructor({ path, place, bytesMax }: ClaimFolderOptions) {
    this.path = path;
    this.place = place;
    this.#bytesMax = bytesMax;
  }

  /** Makes it where it is missing; for its owner. */
  static async create(options: ClaimFolderOptions): Promise<ClaimFolder> {
    await mkdir(options.path, { recursive: true, mode: 0o700 });
    await writeFile(join(options.path, tokenFile), options.token, { mode: 0o600 });
    return new ClaimFolder(options);
  }

  /** Undefined where this machine does not have the pilot's folder. */
  static async find(options: ClaimFolderOptions): Promise<ClaimFolder | undefined> {
    const token = await readFile(join(options.path, tokenFile), 'utf8').catch(() => undefined);
    return token === options.token ? new ClaimFolder(options) : undefined;
  }

  pathOf(name: string): string {
    if (!isClaimName(name)) throw new PlatformError('corrupt', `${JSON.stringify(name)} is no name of a claim`);
    return join(this.path, name);
  }

  /** Throws `no-capacity` where the folder, or its disk, is full: the caller waits and comes again. */
  async write(data: Uint8Array): Promise<Claim> {
    if (data.byteLength > claimBytesMax) {
      throw new PlatformError(
        'payload-too-large',
        `the payload has ${formatBytes(data.byteLength)}; the limit is ${formatBytes(claimBytesMax)}`,
        { hint: 'Write it to a file of your own and publish its name.' },
      );
    }
    await this.#takeRoom(data.byteLength);
    const claim = claimOf(this.place, data);
    const path = this.pathOf(claim.name);
    try {
      await writeFile(path + unfinishedMark, data, { mode: 0o600, flag: 'wx' });
      await rename(path + unfinishedMark, path);
    } catch (error) {
      await rm(path + unfinishedMark, { force: true });
      throw full(error) ? noRoom(this.path, data.byteLength) : error;
    }
    return claim;
  }

  /** True where files of that directory can be moved here as they are. */
  async takesFrom(directory: string): Promise<boolean> {
    const name = newClaimName() + unfinishedMark;
    const [from, to] = [join(directory, name), join(this.path, name)];
    try {
      await writeFile(from, '', { mode: 0o600, flag: 'wx' });
      await rename(from, to);
      return true;
    } catch {
      return false;
    } finally {
      for (const path of [from, to]) await rm(path, { force: true });
    }
  }

  /**
   * Moves the file here, at once: it may go with whoever left it, and in memory a turn through the thread pool takes longer. Throws `no-capacity` as `write`, and `corrupt` for what is no
   * such file: a link could name any file that this process can read and its writer cannot. Looked at out of its writer's reach.
   */
  async adopt({ path, bytes, checksum }: LeftFile): Promise<Claim> {
    const claim = { place: this.place, name: newClaimName(), bytes, checksum };
    const taken = this.pathOf(claim.name) + unfinishedMark;
    try {
      renameSync(path, taken);
    } catch (error) {
      throw new PlatformError('corrupt', `the file that was left cannot be had: ${messageOf(error)}`, { cause: error });
    }
    try {
      const stats = lstatSync(taken);
      if (!stats.isFile() || stats.nlink !== 1 || stats.size !== bytes)
        throw new PlatformError('corrupt', `the file that was left is none of ${bytes} bytes`);
      await this.#takeRoom(bytes);
      renameSync(taken, this.pathOf(claim.name));
    } catch (error) {
      // Its writer may as well have made a folder.
      await rm(taken, { force: true, recursive: true });
      throw PlatformError.from(error);
    }
    return claim;
  }

  async remove(name: string): Promise<void> {
    await rm(this.pathOf(name), { force: true });
  }

  /** Removes what is older than `ttlMs`, and what was never finished. Returns how many. */
  async sweep(ttlMs: number, nowMs: number): Promise<number> {
    let removed = 0;
    for (const { name, stats } of await this.#list()) {
      const limit = name.endsWith(unfinishedMark) ? Math.min(ttlMs, unfinishedMsMax) : ttlMs;
      if (nowMs - stats.mtimeMs <= limit) continue;
      await rm(join(this.path, name), { force: true });
      removed++;
    }
    return removed;
  }

  async #takeRoom(bytes: number): Promise<void> {
    const now = performance.now();
    if (now - this.#measuredAt > measureEveryMs || this.#room < bytes) {
      this.#measuring ??= this.#measure().finally(() => {
        this.#measuring = undefined;
      });
      await this.#measuring;
    }
    if (this.#room < bytes) throw noRoom(this.path, bytes);
    this.#room -= bytes;
  }

  async #measure(): Promise<void> {
    const { bavail, bsize, blocks } = await statfs(this.path);
    const used = (await this.#list()).reduce((sum, { stats }) => sum + stats.size, 0);
    this.#room = Math.min(bavail * bsize - blocks * bsize * reservedShare, this.#bytesMax - used);
    this.#measuredAt = performance.now();
  }

  async #list(): Promise<{ name: string; stats: Stats }[]> {
    const names = (await readdir(this.path)).filter((name) => name !== tokenFile);
    const found = await Promise.all(
      names.map(async (name) => ({ name, stats: await stat(join(this.path, name)).catch(() => undefined) })),
    );
    return found.flatMap(({ name, stats }) => (stats ? [{ name, stats }] : []));
  }
}

function full(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['ENOSPC', 'EDQUOT'].includes(String(error.code));
}

function noRoom(path: string, bytes: number): PlatformError {
  return new PlatformError('no-capacity', `${path} has no room for a payload of ${formatBytes(bytes)}`, {
    hint: 'Files go once their events are done; is a function deployed that takes them?',
  });
}
