/**
 * The platform's copy on the shared file system, made once for each build: nodes have no Node, no nats-server and no
 * internet. Named by its content, so that pilots of different versions stand side by side.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { chmod, copyFile, cp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makePrivateDirectory } from '#security';

export interface StageSources {
  /** The folder of bundles. */
  readonly dist: string;
  readonly node: string;
  readonly natsServer: string;
}

export interface Stage {
  readonly directory: string;
  readonly digest: string;
}

/** What no node needs: the command line and its parts, what `init` writes, source maps, the links of a clone. */
const leftOut = /^(?:cli|demo|node$|stamps$|templates$|sdk|testing|pilotfish\.schema|\..*)|\.map$/;

/** Many seconds on a slow file system: `signal` ends it after the file that is being copied, and nothing of it stays. */
export async function stagePlatform(home: string, sources: StageSources, signal: AbortSignal): Promise<Stage> {
  const digest = digestOf(sources);
  const parent = join(home, 'stages');
  const directory = join(parent, digest);
  if (existsSync(directory)) return { directory, digest };
  makePrivateDirectory(parent);
  const fresh = join(parent, `.${digest}.${randomBytes(4).toString('hex')}`);
  try {
    mkdirSync(join(fresh, 'bin'), { recursive: true, mode: 0o700 });
    // For NODE_COMPILE_CACHE of the processes that run from here.
    mkdirSync(join(fresh, 'code-cache'), { mode: 0o700 });
    await cp(sources.dist, join(fresh, 'dist'), {
      recursive: true,
      dereference: true,
      filter(path) {
        signal.throwIfAborted();
        return path === sources.dist || !leftOut.test(basename(path));
      },
    });
    for (const [name, from] of [
      ['node', sources.node],
      ['nats-server', sources.natsServer],
    ] as const) {
      signal.throwIfAborted();
      await copyFile(from, join(fresh, 'bin', name));
      await chmod(join(fresh, 'bin', name), 0o700);
    }
    moveIn(fresh, directory);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return { directory, digest };
}

/** Another `up` may have been faster: its copy is the same. */
function moveIn(fresh: string, directory: string): void {
  try {
    renameSync(fresh, directory);
  } catch (error) {
    if (!existsSync(directory)) throw error;
  }
}

/** By names, sizes and times: the files are 200 MB, and only set-up and install write them. */
function digestOf({ dist, node, natsServer }: StageSources): string {
  const bundles = readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.split('/').some((part) => leftOut.test(part)))
    .map((name) => join(dist, name))
    .sort();
  const hash = createHash('sha256');
  for (const path of [...bundles, node, natsServer]) {
    const { size, mtimeMs } = statSync(path);
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex').slice(0, 12);
}
