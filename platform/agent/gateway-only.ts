/** An agent serves its gateway: an owner or a token, though known to the same authority, has no business here. */
import { PlatformError } from '#common';
import type { Admission } from '#rpc';

/** Common names of gateways' certificates: `gateway`, or `gateway-n1` where each node signs its own. */
const gatewayName = /^gateway(?:-.+)?$/;

export const gatewayOnly: Admission = {
  admit: ({ caller, method }) => {
    if (gatewayName.test(caller.name)) return undefined;
    throw new PlatformError('permission-denied', `"${caller.name}" may not call ${method} at an agent`, {
      hint: "Ask the pilot's gateway; its address is in connection.json.",
    });
  },
};
