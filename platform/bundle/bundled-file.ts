/** A file that travels beside a function's artifact, named by its content. */
import { formatBytes, PlatformError } from '#common';
import type { ArtifactFile } from '#proto';
import { sha256Hex } from './digest.ts';

export interface BundledFile extends ArtifactFile {
  readonly data: Uint8Array;
}

/** `path` is relative to the function's folder, with "/". */
export function bundledFile(path: string, data: Uint8Array): BundledFile {
  return { path, digest: sha256Hex(data), bytes: data.byteLength, data };
}

/** The gateway takes no more, of the artifact and of all files together (rpc/limits.ts; a test holds the two together). */
export const bundleBytesMax = 64 * 2 ** 20;

/** Throws `payload-too-large`. */
export function requireSize(what: string, bytes: number): void {
  if (bytes <= bundleBytesMax) return;
  throw new PlatformError(
    'payload-too-large',
    `${what} has ${formatBytes(bytes)}; the limit is ${formatBytes(bundleBytesMax)}`,
    {
      hint: 'Keep data out of the code: read it at init, or send it as events.',
    },
  );
}
