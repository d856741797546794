/** Makes a pilot's directory: records, keys and one configuration for each node. Everything in it is 0600 in 0700. */
import { randomBytes, randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { PlatformError, platformVersion } from '#common';
import type { NodeConfig, TracesConfig } from '#model';
import {
  agentServerName,
  brokerServerName,
  createNatsKey,
  gatewayServerName,
  loadCertificates,
  makePrivateDirectory,
  writePrivate,
} from '#security';
import { type ClaimsShape, writeClaims } from './claims.ts';
import { agentMember, brokerMember, nodePaths, openHome, pilotPaths, pilotsDirectory } from './home.ts';
import type { PilotRecord, ProcessId } from './records.ts';

export interface PilotShape {
  readonly resource: string;
  readonly hosts: readonly string[];
  readonly slots: number;
  /** Of one node. */
  readonly memoryBytes: number;
  readonly gpus?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly storeBytes: number;
  /** Servers that hold the pilot's state: the first so many nodes run one each. */
  readonly brokers: number;
  readonly claims: ClaimsShape;
  readonly traces?: TracesConfig | undefined;
  /** Until the pilot ends by itself. */
  readonly walltimeMs?: number | undefined;
  /** The command that it ends with. */
  readonly endsWith?: ProcessId | undefined;
}

/** Without letters that look like others; 32^4 are a million pilots. */
const idLetters = 'abcdefghjkmnpqrstuvwxyz234567899';
const idTriesMax = 20;
const roles = ['gateway', 'agent', 'source', 'viewer', 'system'] as const;

/** Takes a free id and makes its directory, 0700. */
export function makePilotDirectory(home: string): { pilot: string; pilotDirectory: string } {
  openHome(home);
  for (let attempt = 0; attempt < idTriesMax; attempt++) {
    const letters = Array.from({ length: 4 }, () => idLetters[randomInt(idLetters.length)]);
    const pilot = `p-${letters.join('')}`;
    const pilotDirectory = join(pilotsDirectory(home), pilot);
    try {
      mkdirSync(pilotDirectory, { mode: 0o700 });
      return { pilot, pilotDirectory };
    } catch (error) {
      // Taken: the next one.
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
  throw new PlatformError('conflict', `no free pilot id found in ${home}`, {
    hint: 'End old pilots: pilotfish down --all',
  });
}

/** All that launchers need to start the broker: records, NATS keys, nodes' configurations (returned in order). */
export function writePilot(pilot: string, pilotDirectory: string, shape: PilotShape): NodeConfig[] {
  const paths = pilotPaths(pilotDirectory);
  const claims = writeClaims(pilotDirectory, shape.claims, shape.storeBytes);
  const startedAtMs = Date.now();
  const nodes = shape.hosts.map((host, index): NodeConfig => {
    const node = `n${index + 1}`;
    const hasBroker = index < shape.brokers;
    const { slots, memoryBytes, gpus, labels, storeBytes, brokers } = shape;
    const nodeDirectory = join(paths.nodes, node);
    return {
      pilot,
      node,
      host,
      slots,
      memoryBytes,
      ...(gpus === undefined ? {} : { gpus }),
      ...(labels === undefined ? {} : { labels: { ...labels } }),
      pilotDirectory,
      nodeDirectory,
      broker: hasBroker,
      brokers,
      gateway: index === 0 ? 'first' : hasBroker ? 'standby' : 'none',
      storeBytes,
      claims,
      ...(shape.endsWith ? { endsWith: shape.endsWith } : {}),
      ...(shape.walltimeMs === undefined ? {} : { endsAtMs: startedAtMs + shape.walltimeMs, endsItself: true }),
    };
  });
  const record: PilotRecord = {
    pilot,
    version: platformVersion,
    resource: shape.resource,
    machine: hostname(),
    createdAtMs: Date.now(),
    ...(shape.traces ? { traces: shape.traces } : {}),
    nodes: nodes.map(({ node, host, slots }) => ({ node, host, slots })),
  };
  writePrivate(paths.record, JSON.stringify(record, undefined, 2));
  writeNatsKeys(pilotDirectory);
  makePrivateDirectory(paths.nodes);
  makePrivateDirectory(paths.brokers);
  for (const config of nodes) {
    makePrivateDirectory(config.nodeDirectory);
    makePrivateDirectory(nodePaths(config.nodeDirectory).logs);
    writePrivate(nodePaths(config.nodeDirectory).config, JSON.stringify(config, undefined, 2));
  }
  return nodes;
}

/** A key a role: public halves for the servers, seeds for who has the role. */
export function writeNatsKeys(pilotDirectory: string): void {
  const paths = pilotPaths(pilotDirectory);
  makePrivateDirectory(paths.keys);
  const users = roles.map((role) => {
    const { seed, publicKey } = createNatsKey();
    writePrivate(paths.seed(role), `${seed}\n`);
    return [role, publicKey];
  });
  writePrivate(paths.users, JSON.stringify(Object.fromEntries(users)));
  writePrivate(paths.routeSecret, randomBytes(24).toString('base64url'));
}

/** Signs everybody's certificate. The owner's is written last: launchers wait for it. */
export async function writeCertificates(nodes: readonly NodeConfig[]): Promise<void> {
  const first = nodes[0];
  if (!first) throw new PlatformError('internal', 'a pilot has at least one node');
  const { pilot, pilotDirectory } = first;
  const paths = pilotPaths(pilotDirectory);
  const { CertificateAuthority } = await loadCertificates();
  const now = Date.now();
  const authority = await CertificateAuthority.create(pilot, now);
  writePrivate(paths.caCert, authority.cert);
  writePrivate(paths.caKey, authority.key);
  const issue = async (member: string, usage: ('server' | 'client')[], dnsNames: string[], addresses: string[]) => {
    const { cert, key } = await authority.issue({ commonName: member, usage, dnsNames, addresses }, now);
    writePrivate(paths.key(member), key);
    writePrivate(paths.cert(member), cert);
  };
  await Promise.all([
    issue(
      'gateway',
      ['server', 'client'],
      [gatewayServerName(pilot)],
      hostsOf(nodes.filter(({ gateway }) => gateway !== 'none')),
    ),
    // Each end of a route is server and client.
    ...nodes
      .filter(({ broker, brokers }) => broker && brokers > 1)
      .map(({ node, host }) => issue(brokerMember(node), ['server', 'client'], [brokerServerName(pilot)], [host])),
    // Agents call each other: a claimed payload lies with its node.
    ...nodes.map(({ node, host }) =>
      issue(agentMember(node), ['server', 'client'], [agentServerName(pilot, node)], [host]),
    ),
  ]);
  await issue('owner', ['client'], [], []);
}

function hostsOf(nodes: readonly NodeConfig[]): string[] {
  return nodes.map(({ host }) => host);
}
