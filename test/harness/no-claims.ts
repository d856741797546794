/** For tests without claimed payloads. */
import type { ClaimLocator } from '../../platform/agent/claims/claim-locator.ts';

export const noClaims: Pick<ClaimLocator, 'locate'> = {
  locate: ({ name }) => Promise.reject(new Error(`nothing is claimed in this test, ${name} neither`)),
};
