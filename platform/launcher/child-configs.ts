/** What a launcher writes for its children before it starts them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blockTag, type ClusterOptions, renderServerConfig } from '#broker';
import { PlatformError, platformVersion } from '#common';
import {
  type AgentConfig,
  type Connection,
  connectionSchema,
  type GatewayConfig,
  type NatsUsers,
  type NodeConfig,
  natsUsersSchema,
} from '#model';
import { agentMember, brokerMember, gatewayMember, isDataPlain, pilotPaths, readBlock, readPilotRecord } from '#pilot';
import { gatewayServerName, readPrivate, serverNameOf } from '#security';
import { readOtherGateways } from './broker-ports.ts';

export function serverConfigText(
  config: NodeConfig,
  where: { readonly port: number; readonly portsDirectory: string; readonly storeDirectory: string },
  cluster: ClusterOptions | undefined,
): string {
  const { system, tokens: all, ...users } = readUsers(config);
  const tokens = all.filter(({ expiresAtMs }) => expiresAtMs > Date.now());
  const { pilot, node, storeBytes, host } = config;
  const serverName = serverNameOf(pilot, node);
  const tags = config.block === undefined ? {} : { tags: [blockTag(config.block)] };
  const others = cluster ? { cluster } : {};
  const plain = isDataPlain(pilotPaths(config.pilotDirectory).record, config.block);
  const tls = plain ? {} : { tls: tlsFiles(config.pilotDirectory, brokerMember(node)) };
  const known = { users, tokens, systemUser: system };
  return renderServerConfig({ serverName, host, storeBytes, ...known, ...where, ...others, ...tls, ...tags });
}

/** When the next of the tokens ends that open the streams now; Infinity where none does. */
export function nextTokenEnd(config: NodeConfig): number {
  const now = Date.now();
  return Math.min(...readUsers(config).tokens.flatMap(({ expiresAtMs }) => (expiresAtMs > now ? expiresAtMs : [])));
}

function readUsers({ pilotDirectory }: NodeConfig): NatsUsers {
  return natsUsersSchema.parse(JSON.parse(readPrivate(pilotPaths(pilotDirectory).users)));
}

/** How this node's server finds the others; undefined where it is the only one. `route` is host:port of its own end. */
export function clusterOf(config: NodeConfig, route: string, routes: readonly string[]): ClusterOptions | undefined {
  const { pilot, node, pilotDirectory } = config;
  if (route === '') return undefined;
  const secret = readPrivate(pilotPaths(pilotDirectory).routeSecret);
  return { name: pilot, port: portOf(route), secret, routes, tls: tlsFiles(pilotDirectory, brokerMember(node)) };
}

export function agentConfig(config: NodeConfig, brokers: string[], runDirectory: string): AgentConfig {
  const { pilot, node, host, slots, memoryBytes, gpus, labels, nodeDirectory, pilotDirectory, claims } = config;
  const paths = pilotPaths(pilotDirectory);
  const tls = tlsFiles(pilotDirectory, agentMember(node));
  return {
    pilot,
    node,
    host,
    slots,
    memoryBytes,
    nodeDirectory,
    runDirectory,
    brokers,
    brokersDirectory: paths.brokers,
    seedFile: paths.seed('agent'),
    tls,
    claims,
    ...tracesOf(paths.record),
    ...(gpus === undefined ? {} : { gpus }),
    ...(labels === undefined ? {} : { labels }),
    ...(config.endsAtMs === undefined ? {} : { endsAtMs: config.endsAtMs }),
  };
}

/** What `up` was told of traces holds for every node, also for those that come later. */
function tracesOf(record: string): Pick<AgentConfig, 'traces'> {
  const traces = readPilotRecord(record)?.traces;
  return traces === undefined ? {} : { traces };
}

export function gatewayConfig(config: NodeConfig, brokers: string[], port: number): GatewayConfig {
  const { pilot, node, host, storeBytes, pilotDirectory, claims } = config;
  const { seed, keys, caCert, caKey, users, connection } = pilotPaths(pilotDirectory);
  const seedFile = seed('gateway');
  const access = { keys, caCert, caKey, users, connection };
  const tls = tlsFiles(pilotDirectory, config.block === undefined ? 'gateway' : gatewayMember(node));
  const standby = config.gateway === 'standby';
  return {
    pilot,
    node,
    host,
    port,
    brokers,
    seedFile,
    tls,
    access,
    storeBytes,
    brokerReplicas: config.brokers,
    standby,
    claims,
    pilotDirectory,
    ...(config.block === undefined ? {} : { block: config.block }),
  };
}

/** What `connection.json` says; holds keys. */
export function connectionOf(config: NodeConfig, brokers: string[], gatewayAddress: string): Connection {
  const { pilot, pilotDirectory, claims } = config;
  const paths = pilotPaths(pilotDirectory);
  return connectionSchema.parse({
    pilot,
    version: platformVersion,
    gateway: { address: gatewayAddress, others: readOtherGateways(config), serverName: gatewayServerName(pilot) },
    brokers,
    tls: {
      ca: readFileSync(paths.caCert, 'utf8'),
      cert: readPrivate(paths.cert('owner')),
      key: readPrivate(paths.key('owner')),
    },
    seeds: { source: readPrivate(paths.seed('source')).trim(), viewer: readPrivate(paths.seed('viewer')).trim() },
    claims,
    ...jobOf(config),
  });
}

function jobOf({ pilotDirectory, block: name }: NodeConfig): Pick<Connection, 'job'> {
  const block = name === undefined ? undefined : readBlock(join(pilotPaths(pilotDirectory).blocks, name));
  return block?.job === undefined ? {} : { job: { resource: block.plan.resource, id: block.job } };
}

function tlsFiles(pilotDirectory: string, member: string): AgentConfig['tls'] {
  const paths = pilotPaths(pilotDirectory);
  return { ca: paths.caCert, cert: paths.cert(member), key: paths.key(member) };
}

export function portOf(address: string): number {
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  if (!Number.isInteger(port) || port <= 0) throw new PlatformError('internal', `"${address}" is not host:port`);
  return port;
}
