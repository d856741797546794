/** Reads the payload of an event that a program has been given, from whatever place this machine can reach. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { findClaimFolder, readChunks } from '#broker';
import { readClaim, readClaimFile, streamPlace } from '#claims';
import { PlatformError } from '#common';
import type { Claims } from '#model';
import type { StoredEvent } from './stored-event.ts';

export interface OpenClaimedOptions {
  readonly connection: NatsConnection;
  /** Where JetStream is asked. */
  readonly api: string;
  readonly claims: Claims | undefined;
}

export async function openClaimed(
  event: Pick<StoredEvent, 'headers' | 'data'>,
  { connection, api, claims }: OpenClaimedOptions,
): Promise<Uint8Array> {
  const claim = readClaim(event.headers);
  if (!claim) return event.data;
  if (claim.place === streamPlace) {
    return readChunks(await jetstreamManager(connection, { apiPrefix: api, checkAPI: false }), claim);
  }
  const folder = claims && (await findClaimFolder(claims, claim.place));
  if (folder) return readClaimFile(folder.pathOf(claim.name), claim);
  throw new PlatformError(
    'unavailable',
    `the payload lies in a file of "${claim.place}", which this machine does not see`,
    {
      hint: 'Read it where the files are, or let a function send what you need.',
    },
  );
}
