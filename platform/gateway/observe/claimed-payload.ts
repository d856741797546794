/** Reads a claimed payload for somebody who looks at it: from the shared folder, a node that owns it, or the stream. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { findClaimFolder, readChunks } from '#broker';
import { type Claim, checkClaimed, readClaimFile, streamPlace } from '#claims';
import { PlatformError } from '#common';
import type { Claims } from '#model';
import type { Fleet } from '../nodes/fleet.ts';

/** What a gateway takes into its memory to be looked at. */
const lookedAtBytesMax = 128 * 2 ** 20;

export interface ClaimedPayloadOptions {
  readonly manager: JetStreamManager;
  readonly claims: Claims;
  readonly fleet: Pick<Fleet, 'link'>;
}

/** Throws `not-found` where it is gone, `unavailable` while its node is, `payload-too-large`. */
export async function readClaimedPayload(claim: Claim, options: ClaimedPayloadOptions): Promise<Uint8Array> {
  if (claim.bytes > lookedAtBytesMax) {
    throw new PlatformError('payload-too-large', `the payload has ${claim.bytes} bytes, over ${lookedAtBytesMax}`, {
      hint: 'Read it where its file is.',
    });
  }
  if (claim.place === streamPlace) return await readChunks(options.manager, claim);
  const folder = await findClaimFolder(options.claims, claim.place);
  if (folder) return await readClaimFile(folder.pathOf(claim.name), claim);
  const link = options.fleet.link(claim.place);
  if (!link)
    throw new PlatformError('unavailable', `the payload lies with node ${claim.place}, which is not there now`);
  const data = Buffer.concat(await Array.fromAsync(link.readClaim(claim.name)));
  checkClaimed(claim, data);
  return data;
}
