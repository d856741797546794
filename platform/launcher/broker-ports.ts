/** Where a node's server and gateway listen, told to the other nodes before and after the server is ready. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { NodeConfig } from '#model';
import { type BrokerRecord, isDataPlain, pilotPaths, readBrokerRecords } from '#pilot';
import { writePrivate } from '#security';

/**
 * Chooses the ports that others must know beforehand and writes them down. With one server nobody must: its gateway
 * takes any port when it starts.
 */
export async function chooseBrokerPorts(config: NodeConfig): Promise<BrokerRecord> {
  const { node, host, brokers } = config;
  const several = brokers > 1;
  const record = {
    node,
    route: several ? `${host}:${await freePort(host)}` : '',
    gateway: several ? `${host}:${await freePort(host)}` : '',
    server: '',
  };
  writeBrokerRecord(config, record);
  return record;
}

export function writeBrokerRecord({ pilotDirectory, node }: NodeConfig, record: BrokerRecord): void {
  writePrivate(pilotPaths(pilotDirectory).broker(node), JSON.stringify(record));
}

/** Routes to the other servers, once as many are known as the pilot needs. */
export function readRoutes({ pilotDirectory, node, brokers }: NodeConfig): string[] | undefined {
  const records = readBrokerRecords(pilotPaths(pilotDirectory).brokers);
  if (records.length < brokers) return undefined;
  return records.filter((record) => record.node !== node && record.route !== '').map(({ route }) => route);
}

/** Every server as clients of this node should try them, once as many are ready as the pilot needs: its own comes first. */
export function readServers({ pilotDirectory, node, brokers, block }: NodeConfig): string[] | undefined {
  const ready = readBrokerRecords(pilotPaths(pilotDirectory).brokers).filter(({ server }) => server !== '');
  if (ready.length < brokers) return undefined;
  const own = ready.findIndex((record) => record.node === node);
  // Between machines the line is encrypted, unless the owner said otherwise.
  const scheme = isDataPlain(pilotPaths(pilotDirectory).record, block) ? 'nats' : 'tls';
  // Nodes without one spread over all.
  const first = own >= 0 ? own : Number(/\d+$/.exec(node)?.[0] ?? 0) % ready.length;
  return [...ready.slice(first), ...ready.slice(0, first)].map(({ server }) => `${scheme}://${server}`);
}

/** Where another gateway will be when this one is lost. */
export function readOtherGateways({ pilotDirectory, node }: NodeConfig): string[] {
  return readBrokerRecords(pilotPaths(pilotDirectory).brokers)
    .filter((record) => record.node !== node && record.gateway !== '')
    .map(({ gateway }) => gateway);
}

/** Somebody may take it before we do: then the start fails with the port's name. */
async function freePort(host: string): Promise<number> {
  const server = createServer();
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
