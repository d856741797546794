/** Reads a claimed payload from the file that the agent has named. What cannot be read never will be: the event is rejected. */
import { closeSync, constants, openSync } from 'node:fs';
import { type Claim, checkClaimed, missing, readClaimFile } from '#claims';
import { messageOf } from '#common';
import { type ClaimedHeader, readBody } from '#frames';
import { Reject } from '#sdk';

/** Up to here a read is over before a turn through the thread pool would be. */
const readAtOnceBytesMax = 16 * 2 ** 20;

/** Throws Reject with the reason. */
export function readClaimed(claimed: ClaimedHeader): Buffer<ArrayBuffer> {
  try {
    const data = readNow(claimed);
    checkClaimed(claimed, data);
    return data;
  } catch (error) {
    throw rejected(error);
  }
}

/** The same without holding up other calls of the instance. */
export async function openClaimed(claimed: ClaimedHeader): Promise<Buffer<ArrayBuffer>> {
  if (claimed.bytes <= readAtOnceBytesMax) return readClaimed(claimed);
  try {
    return await readClaimFile(claimed.path, claimed);
  } catch (error) {
    throw rejected(error);
  }
}

function readNow({ path, name, bytes }: Pick<Claim, 'name' | 'bytes'> & { readonly path: string }) {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw missing(name, error);
  }
  try {
    return readBody(file, bytes);
  } finally {
    closeSync(file);
  }
}

function rejected(cause: unknown): Reject {
  return new Reject(messageOf(cause), { cause });
}
