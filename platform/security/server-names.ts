/** Names in the certificates: what a client must find at the other end, whatever address it dialled. */

export function gatewayServerName(pilot: string): string {
  return `gateway.${pilot}.pilotfish`;
}

export function agentServerName(pilot: string, node: string): string {
  return `${node}.${pilot}.pilotfish`;
}

export function brokerServerName(pilot: string): string {
  return `broker.${pilot}.pilotfish`;
}

/** What a nats-server calls itself among the others. */
export function serverNameOf(pilot: string, node: string): string {
  return `${pilot}-${node}`;
}
