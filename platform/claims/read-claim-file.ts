/** Reads the file of a claim: instances, the gateway and clients do. */
import { constants, promises } from 'node:fs';
import { messageOf, PlatformError } from '#common';
import { type Claim, checkClaimed } from './claim.ts';

const sharedReadBytes = 8 * 2 ** 20;

/** The payload in a claim's file. Throws `not-found` for a file that is not there, `corrupt` for one that is not what was claimed. */
export async function readClaimFile(
  path: string,
  claim: Pick<Claim, 'name' | 'bytes' | 'checksum'>,
): Promise<Buffer<ArrayBuffer>> {
  // A link could name any file of the user's; opening a pipe could wait for ever.
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await promises.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: unknown) => {
    throw missing(claim.name, error);
  });
  try {
    const data = Buffer.allocUnsafeSlow(claim.bytes);
    let at = 0;
    while (at < data.length) {
      const { bytesRead } = await file.read(data, at, Math.min(sharedReadBytes, data.length - at), at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    checkClaimed(claim, data.subarray(0, at));
    return data;
  } finally {
    await file.close();
  }
}

export function missing(name: string, cause: unknown): PlatformError {
  return new PlatformError('not-found', `the claimed payload ${name} is gone: ${messageOf(cause)}`, {
    hint: 'Its time to live was over, or somebody removed the file.',
    cause,
  });
}
