/** The way of an event with a claimed payload to its call: the payload is brought into reach first. */
import { ownHeaders, type PulledEvent } from '#broker';
import { claimHeader, readClaim } from '#claims';
import { PlatformError } from '#common';
import type { ClaimLocator } from '../claims/claim-locator.ts';
import { headerText } from './call-header.ts';

/** What had to be brought here before an event could run. */
export interface FetchedCall {
  /** Its part of the call's header. */
  readonly text: string;
  /** Unlinks what was made for this call; again is a no-op. */
  readonly remove: () => void;
}

/** Undefined for an event that carries its payload itself. Rejects as `ClaimLocator.locate`. */
export function fetchClaimed(
  event: PulledEvent,
  claims: Pick<ClaimLocator, 'locate'>,
): Promise<FetchedCall> | undefined {
  const headers = ownHeaders(event);
  return claimHeader in headers ? locate(headers, claims) : undefined;
}

/** What can never be read is a dead letter at once, with that reason: no later try would find it (docs/delivery.md). */
export function isLostForGood({ code }: PlatformError): boolean {
  return code === 'not-found' || code === 'corrupt';
}

async function locate(
  headers: Readonly<Record<string, string>>,
  claims: Pick<ClaimLocator, 'locate'>,
): Promise<FetchedCall> {
  const claim = readClaim(headers);
  if (!claim) throw new PlatformError('internal', 'the event claims nothing');
  const { header, remove } = await claims.locate(claim);
  return { text: `,"c":${JSON.stringify(header)}${headerText(headers)}`, remove };
}
