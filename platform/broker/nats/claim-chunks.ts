/**
 * Claims without a folder: a writer that does not share the pilot's files stores its payload in pieces in CLAIMS, and so
 * does a pilot that has no folder. Each piece has its number in its subject and an id of its own.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import { type Claim, checkClaimed, claimOf, missing, streamPlace } from '#claims';
import { formatBytes, PlatformError } from '#common';
import { claimChunkSubject, streams } from '../subjects.ts';
import type { EventPublisher } from './event-publisher.ts';
import { encodeHeadersWithId } from './message-headers.ts';

/** Large enough that a piece's own cost does not matter, small enough that others come between. */
const chunkBytes = 2 ** 20;
/** Beside events the broker's disk is small: larger payloads need a folder. */
const chunkedBytesMax = 256 * 2 ** 20;
/** Pieces under way at once. */
const chunksAtOnce = 8;

/** Resolves once every piece is stored; rejects with what the stream said: `no-capacity` where it is full. */
export async function writeChunks(publisher: EventPublisher, data: Uint8Array): Promise<Claim> {
  if (data.byteLength > chunkedBytesMax) {
    throw new PlatformError(
      'payload-too-large',
      `the payload has ${formatBytes(data.byteLength)}; without a folder that the nodes see the limit is ${formatBytes(chunkedBytesMax)}`,
      { hint: 'Publish from a machine that shares the claims directory (`pilotfish up --claims-directory`).' },
    );
  }
  const claim = claimOf(streamPlace, data);
  await inOrder(chunkCount(claim), (number) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const piece = data.subarray(number * chunkBytes, (number + 1) * chunkBytes);
    const subject = claimChunkSubject(claim.name, number);
    publisher.publish(subject, piece, encodeHeadersWithId(subject, ''), (error) => (error ? reject(error) : resolve()));
    return promise;
  });
  return claim;
}

/** Throws `not-found` where a piece is gone, `corrupt` where the whole is not what was claimed. */
export async function readChunks(manager: JetStreamManager, claim: Claim): Promise<Buffer<ArrayBuffer>> {
  const data = Buffer.allocUnsafeSlow(claim.bytes);
  await inOrder(chunkCount(claim), async (number) => {
    const stored = await manager.direct.getMessage(streams.claims, {
      last_by_subj: claimChunkSubject(claim.name, number),
    });
    if (!stored) throw missing(claim.name, `piece ${number} is not in the stream`);
    data.set(stored.data.subarray(0, data.length - number * chunkBytes), number * chunkBytes);
  });
  checkClaimed(claim, data);
  return data;
}

function chunkCount({ bytes }: Claim): number {
  return Math.ceil(bytes / chunkBytes);
}

/** Several at once; the first failure ends it. */
async function inOrder(count: number, each: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let number = next++; number < count; number = next++) await each(number);
  };
  await Promise.all(Array.from({ length: Math.min(count, chunksAtOnce) }, lane));
}
