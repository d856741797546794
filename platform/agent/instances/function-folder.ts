/** Lays out a foreign process's files on the node as they lay beside its manifest: read-only, once a version. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FunctionVersion } from '#proto';

export class FunctionFolders {
  readonly #directory: string;
  readonly #artifactPath: (digest: string) => string;

  /** `directory` is the agent's own; `artifactPath` tells where a verified file lies. */
  constructor(directory: string, artifactPath: (digest: string) => string) {
    this.#directory = directory;
    this.#artifactPath = artifactPath;
  }

  pathOf(version: FunctionVersion): string {
    return join(this.#directory, version.digest);
  }

  /** All files must have been fetched. A folder is there whole or not at all. */
  layOut(version: FunctionVersion): void {
    const folder = this.pathOf(version);
    if (existsSync(folder)) return;
    const partial = `${folder}.${process.pid}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true, mode: 0o700 });
    for (const { path, digest } of version.files) {
      const target = join(partial, path);
      mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
      copyFileSync(this.#artifactPath(digest), target);
      // Executable, too: a command may be a program of the folder.
      chmodSync(target, 0o500);
    }
    renameSync(partial, folder);
  }
}
