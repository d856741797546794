/**
 * An agent serves its gateway, and gives other agents the claimed payloads that lie with it. An owner or a token, though
 * known to the same authority, has no business here.
 */
import { PlatformError } from '#common';
import type { Admission } from '#rpc';

/** Common names of gateways' certificates: `gateway`, or `gateway-n1` where each node signs its own. */
const gatewayName = /^gateway(?:-.+)?$/;
const agentName = /^agent-.+$/;
/** What one agent may ask of another. */
const agentMethods: readonly string[] = ['ReadClaim'];

export const agentAdmission: Admission = {
  admit: ({ caller, method }) => {
    if (isGateway(caller.name)) return undefined;
    if (agentName.test(caller.name) && agentMethods.includes(method)) return undefined;
    throw new PlatformError('permission-denied', `"${caller.name}" may not call ${method} at an agent`, {
      hint: "Ask the pilot's gateway; its address is in connection.json.",
    });
  },
};

export function isGateway(name: string): boolean {
  return gatewayName.test(name);
}
