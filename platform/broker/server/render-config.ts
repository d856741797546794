/** The text of a nats-server's configuration. JSON is a subset of its format, so nothing needs quoting by hand. */
import type { NatsRole } from '../subjects.ts';
import { rolePermissions, type SubjectPermissions } from './permissions.ts';
import { type TokenOnStreams, tokenImports, tokenPermissions, tokenServices } from './token-account.ts';

export interface ServerConfigOptions {
  readonly serverName: string;
  readonly host: string;
  /** -1: any free port, told through the ports file. */
  readonly port: number;
  readonly storeDirectory: string;
  readonly storeBytes: number;
  /** Where the server says which port it took. */
  readonly portsDirectory: string;
  /** Public nkeys. */
  readonly users: Record<NatsRole, string>;
  /** Public nkey of the servers' own account, through which a server is taken out of the cluster. */
  readonly systemUser?: string;
  /** Streams can be told to live on servers with a tag. */
  readonly tags?: readonly string[];
  /** What one of several servers needs to find the others. */
  readonly cluster?: ClusterOptions;
  /** Users beside them, in an account of their own. */
  readonly tokens?: readonly TokenOnStreams[];
  /**
   * Files of the pilot's CA and the server's certificate. Left off on one machine: the address is loopback, an nkey signs a
   * nonce and is never sent, and TLS would cost more than the rest of an event's way. Clients prove themselves by nkey.
   */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

export interface ClusterOptions {
  readonly name: string;
  readonly port: number;
  /** What servers show each other beside their certificates: a certificate of the pilot alone makes no server. */
  readonly secret: string;
  /** host:port of the servers known when this one starts; it learns of others from them. */
  readonly routes: readonly string[];
  /** Between servers always: the line may leave the machine, and everything stored passes over it. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
}

/** A little above the largest message the streams take (16 MB with headers), so that our own refusal comes first. */
const payloadBytesMax = 16 * 2 ** 20;
/** Bytes waiting for one slow reader: some seconds of frames; past it the server drops the connection. */
const pendingBytesMax = 256 * 2 ** 20;
/** A reader may stall as long as a long garbage collection or a swapped node, not 10 s (the default). */
const writeDeadline = '60s';
/** Two unanswered pings mean gone: a lost node is seen within 5 s (design, "Leases"). */
const pingInterval = '2s';
const pingsOutMax = 2;
/** One connection an agent on a thousand nodes, and three times as many sources and readers. */
const connectionsMax = 4_096;
/** For consumers' state only: no stream of ours lives in memory. */
const memoryStoreBytes = 64 * 2 ** 20;

/** As everywhere in a pilot; the server itself would take 1.2. */
const tlsVersionMin = '1.3';

/** No monitoring port: it would answer anybody on the machine. */
export function renderServerConfig(options: ServerConfigOptions): string {
  const { tls } = options;
  const config = {
    server_name: options.serverName,
    listen: `${options.host}:${options.port}`,
    ports_file_dir: options.portsDirectory,
    max_payload: payloadBytesMax,
    max_pending: pendingBytesMax,
    write_deadline: writeDeadline,
    ping_interval: pingInterval,
    ping_max: pingsOutMax,
    max_connections: connectionsMax,
    jetstream: {
      store_dir: options.storeDirectory,
      max_file_store: options.storeBytes,
      max_memory_store: memoryStoreBytes,
    },
    accounts: {
      PILOT: {
        jetstream: 'enabled',
        exports: tokenServices,
        users: Object.entries(rolePermissions).map(([role, may]) => userOf(options.users[role as NatsRole], may)),
      },
      TOKENS: {
        imports: tokenImports,
        users: (options.tokens ?? []).map((token) => userOf(token.key, tokenPermissions(token))),
      },
      SYS: { users: options.systemUser === undefined ? [] : [{ nkey: options.systemUser }] },
    },
    system_account: 'SYS',
    ...(options.tags ? { server_tags: options.tags } : {}),
    ...(options.cluster ? { cluster: clusterConfig(options.host, options.cluster) } : {}),
    ...(tls ? { tls: tlsConfig(tls) } : {}),
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** Routes carry the secret in their URL; the file is 0600. */
function clusterConfig(host: string, { name, port, secret, routes, tls }: ClusterOptions) {
  const user = 'server';
  return {
    name,
    listen: `${host}:${port}`,
    authorization: { user, password: secret, timeout: 5 },
    routes: routes.map((route) => `nats-route://${user}:${secret}@${route}`),
    tls: { ...tlsConfig(tls), verify: true },
  };
}

function tlsConfig({ ca, cert, key }: { readonly ca: string; readonly cert: string; readonly key: string }) {
  return { cert_file: cert, key_file: key, ca_file: ca, timeout: 5, min_version: tlsVersionMin };
}

function userOf(nkey: string, { publish, subscribe, never = [] }: SubjectPermissions) {
  const denied = never.length === 0 ? {} : { deny: never };
  return { nkey, permissions: { publish: { allow: publish, ...denied }, subscribe: { allow: subscribe } } };
}
