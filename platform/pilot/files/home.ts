/**
 * Where a user's pilots are kept:
 *
 *   HOME/stages/<digest>/                 the platform's copy for nodes that share this file system
 *   HOME/code-cache/                      compiled code of our own processes, so that the next start is faster
 *   HOME/pilots/<id>/pilot.json           what was asked for
 *   HOME/pilots/<id>/keys/                certificates, nkey seeds (0600)
 *   HOME/pilots/<id>/brokers/<node>.json  where the node's server, its route and its gateway listen
 *   HOME/pilots/<id>/claims.json          where large payloads lie; claims/ holds them by default
 *   HOME/pilots/<id>/connection.json      all that other commands need (0600); there once the gateway is ready
 *   HOME/pilots/<id>/blocks/<block>/      a scheduler job's plan, scripts and output (blocks.ts)
 *   HOME/pilots/<id>/stop                 there once the pilot is to end
 *   HOME/pilots/<id>/nodes/<node>/        node.json, launcher.json, agent.json, logs/, jetstream/
 */
import { join, resolve } from 'node:path';
import { messageOf, PlatformError } from '#common';
import { makePrivateDirectory } from '#security';

/** Values of the environment that say where a user keeps state. */
export interface HomeSettings {
  readonly PILOTFISH_HOME?: string | undefined;
  readonly XDG_STATE_HOME?: string | undefined;
  readonly HOME?: string | undefined;
}

/** Absolute path; throws `usage` when the environment names no place. */
export function resolveHome(settings: HomeSettings): string {
  if (settings.PILOTFISH_HOME) return resolve(settings.PILOTFISH_HOME);
  if (settings.XDG_STATE_HOME) return resolve(settings.XDG_STATE_HOME, 'pilotfish');
  if (settings.HOME) return resolve(settings.HOME, '.local', 'state', 'pilotfish');
  throw new PlatformError('usage', 'there is no place to keep pilots: neither PILOTFISH_HOME nor HOME is set', {
    hint: 'Set PILOTFISH_HOME to a directory of your own.',
  });
}

/** Makes HOME and what is directly below it, 0700. Throws `invalid` where nothing can be written. */
export function openHome(home: string): void {
  try {
    makePrivateDirectory(home, { recursive: true });
    makePrivateDirectory(pilotsDirectory(home));
    makePrivateDirectory(codeCacheDirectory(home));
  } catch (error) {
    const [, why] = /^(?:EROFS|EACCES|ENOSPC|EDQUOT|ENOTDIR|ENOENT|EPERM): ([^,]+)/.exec(messageOf(error)) ?? [];
    if (why === undefined) throw error;
    throw new PlatformError('invalid', `${home} cannot be written: ${why}`, {
      cause: error,
      hint: 'Set PILOTFISH_HOME to a directory of your own that the nodes see, too.',
    });
  }
}

/** For NODE_COMPILE_CACHE: never a place that a function may write, because its code would become ours. */
export function codeCacheDirectory(home: string): string {
  return join(home, 'code-cache');
}

export function pilotsDirectory(home: string): string {
  return join(home, 'pilots');
}

/** Names of the files of one pilot. */
export function pilotPaths(pilotDirectory: string) {
  const keys = join(pilotDirectory, 'keys');
  return {
    record: join(pilotDirectory, 'pilot.json'),
    brokers: join(pilotDirectory, 'brokers'),
    broker: (node: string) => join(pilotDirectory, 'brokers', `${node}.json`),
    claims: join(pilotDirectory, 'claims.json'),
    connection: join(pilotDirectory, 'connection.json'),
    stop: join(pilotDirectory, 'stop'),
    nodes: join(pilotDirectory, 'nodes'),
    blocks: join(pilotDirectory, 'blocks'),
    keys,
    /** Public nkeys by role. */
    users: join(keys, 'nats-users.json'),
    /** What servers show each other. */
    routeSecret: join(keys, 'routes.secret'),
    caCert: join(keys, 'ca.pem'),
    caKey: join(keys, 'ca.key'),
    cert: (member: string) => join(keys, `${member}.pem`),
    key: (member: string) => join(keys, `${member}.key`),
    seed: (role: string) => join(keys, `${role}.seed`),
  };
}

/** Names of the files of one node. */
export function nodePaths(nodeDirectory: string) {
  const logs = join(nodeDirectory, 'logs');
  return {
    config: join(nodeDirectory, 'node.json'),
    record: join(nodeDirectory, 'launcher.json'),
    /** What the launcher of a scheduler's node tells, a line of JSON each. */
    progress: join(nodeDirectory, 'progress.jsonl'),
    /** Its launcher's last word. */
    end: join(nodeDirectory, 'end.json'),
    agentConfig: join(nodeDirectory, 'agent.json'),
    gatewayConfig: join(nodeDirectory, 'gateway.json'),
    serverConfig: join(nodeDirectory, 'nats.conf'),
    store: join(nodeDirectory, 'jetstream'),
    logs,
    log: (process: string) => join(logs, `${process}.log`),
  };
}

/** Who a node's nats-server is among the keys' files. */
export function brokerMember(node: string): string {
  return `broker-${node}`;
}

/** Who an agent is among the keys' files. */
export function agentMember(node: string): string {
  return `agent-${node}`;
}

/** Who a gateway is among the keys' files, where each node signs its own. */
export function gatewayMember(node: string): string {
  return `gateway-${node}`;
}
