/** What a launcher writes for its children before it starts them. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { type NatsRole, renderServerConfig } from '#broker';
import { platformVersion } from '#common';
import { type AgentConfig, type Connection, connectionSchema, type GatewayConfig, type NodeConfig } from '#model';
import { agentMember, pilotPaths } from '#pilot';
import { gatewayServerName, readPrivate } from '#security';

const usersSchema = z.object({ gateway: z.string(), agent: z.string(), source: z.string(), viewer: z.string() });

export function serverConfigText(
  config: NodeConfig,
  where: { readonly port: number; readonly portsDirectory: string; readonly storeDirectory: string },
): string {
  const users: Record<NatsRole, string> = usersSchema.parse(
    JSON.parse(readPrivate(pilotPaths(config.pilotDirectory).users)),
  );
  const { storeBytes, host } = config;
  return renderServerConfig({ serverName: `${config.pilot}-${config.node}`, host, storeBytes, users, ...where });
}

export function agentConfig(config: NodeConfig, brokers: string[], runDirectory: string): AgentConfig {
  const { pilot, node, host, slots, memoryBytes, nodeDirectory, pilotDirectory } = config;
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
    seedFile: paths.seed('agent'),
    tls,
  };
}

export function gatewayConfig(config: NodeConfig, brokers: string[], port: number): GatewayConfig {
  const { pilot, node, host, storeBytes, pilotDirectory } = config;
  const seedFile = pilotPaths(pilotDirectory).seed('gateway');
  const tls = tlsFiles(pilotDirectory, 'gateway');
  return { pilot, node, host, port, brokers, seedFile, tls, storeBytes, brokerReplicas: 1 };
}

/** What `connection.json` says; holds keys. */
export function connectionOf(config: NodeConfig, brokers: string[], gatewayAddress: string): Connection {
  const { pilot, pilotDirectory } = config;
  const paths = pilotPaths(pilotDirectory);
  return connectionSchema.parse({
    pilot,
    version: platformVersion,
    gateway: { address: gatewayAddress, serverName: gatewayServerName(pilot) },
    brokers,
    tls: {
      ca: readFileSync(paths.caCert, 'utf8'),
      cert: readPrivate(paths.cert('owner')),
      key: readPrivate(paths.key('owner')),
    },
    seeds: { source: readPrivate(paths.seed('source')).trim(), viewer: readPrivate(paths.seed('viewer')).trim() },
  });
}

function tlsFiles(pilotDirectory: string, member: string): AgentConfig['tls'] {
  const paths = pilotPaths(pilotDirectory);
  return { ca: paths.caCert, cert: paths.cert(member), key: paths.key(member) };
}
