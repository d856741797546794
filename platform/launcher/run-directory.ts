/** A node's private, node-local directory: sockets, spools and scratch, in memory where there is /dev/shm. */
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NodeConfig } from '#model';
import { assertPrivateDirectory, makePrivateDirectory, removeTree } from '#security';

const sharedMemory = '/dev/shm';

/** Only chosen, not made: the record names it before it exists, so that it can be removed whatever happens next. */
export function chooseRunDirectory(pilot: string, node: string): string {
  const random = randomBytes(6).toString('hex');
  return join(
    isWritable(sharedMemory) ? sharedMemory : tmpdir(),
    `pilotfish-${process.getuid?.() ?? 0}-${pilot}-${node}-${random}`,
  );
}

export function runPaths(runDirectory: string) {
  return { ports: join(runDirectory, 'ports'), agent: join(runDirectory, 'agent') };
}

/** Fails where the name is taken: nobody else's directory is ever used. */
export function makeRunDirectory(runDirectory: string): void {
  mkdirSync(runDirectory, { mode: 0o700 });
  const { ports, agent } = runPaths(runDirectory);
  mkdirSync(ports, { mode: 0o700 });
  mkdirSync(agent, { mode: 0o700 });
}

/**
 * Where large payloads will lie. Their folder's name can be told from the processes' arguments, so it is made here, before
 * anything is written there. Throws `permission-denied` where somebody else was first, or it is a link.
 */
export function makeClaims({ claims }: Pick<NodeConfig, 'claims'>): void {
  if (claims.place !== 'stream') makePrivateDirectory(claims.directory, { recursive: true });
}

/** An agent starts with nothing of its dead predecessor's. */
export function emptyDirectory(directory: string): void {
  removeTree(directory);
  mkdirSync(directory, { mode: 0o700 });
}

/** The node's own large payloads end with it; the folder around it with the last node of the machine. */
export function removeClaims({ claims, node }: Pick<NodeConfig, 'claims' | 'node'>): void {
  if (claims.place !== 'node') return;
  try {
    // Through a link that somebody has planted, it would be a folder elsewhere.
    assertPrivateDirectory(claims.directory);
    removeTree(join(claims.directory, node));
    rmdirSync(claims.directory);
  } catch {
    // It is not ours, or gone, or another node of this machine still has payloads in it.
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    // No shared memory here (or a read-only one): the temporary directory serves.
    return false;
  }
}
