/** Opens a NATS connection for a role. */
import { readFileSync } from 'node:fs';
import {
  AuthorizationError,
  connect,
  type NatsConnection,
  type TlsOptions,
  UserAuthenticationExpiredError,
} from '@nats-io/transport-node';
import { PlatformError } from '#common';
import { natsSigner } from '#security';
import { inboxPrefix, type NatsRole } from '../subjects.ts';
import { followServers, type LocateServers } from './follow-servers.ts';
import { dropServer, isOwnServer } from './own-servers.ts';

export interface NatsOptions {
  readonly servers: readonly string[];
  /** The role's nkey seed, never logged. */
  readonly seed: string;
  readonly role: NatsRole;
  /** Who of the role, one subject token: a node's name, a process's random id. */
  readonly member: string;
  /** For servers named tls://: the pilot's authority, and the name that its servers' certificates carry. */
  readonly tls?: { readonly ca: string; readonly serverName: string };
  /** The servers are another user's: a colleague's, who has given us a token. */
  readonly ofOthers?: boolean | undefined;
  /** Servers that these name are not asked: they cannot be reached from here. */
  readonly onlyThese?: boolean | undefined;
  /** Asked while no server answers. */
  readonly locate?: LocateServers | undefined;
  /** Attempts to connect at first; -1 for as long as the process lives. */
  readonly firstAttemptsMax?: number;
}

/**
 * A server that reads its users anew just then may leave a newcomer without any answer (seen with 2.15.1): asked again inside
 * a lease, not after the client's own 20 s.
 */
const connectTimeoutMs = 4_000;

/** A server that falls silent is noticed after two of these (design: node lost within 5 s). */
const pingIntervalMs = 2_000;

/** Throws `unavailable` when no server answers, `unauthenticated` when they refuse the key. After the first connect it reconnects for ever. */
export async function connectNats(options: NatsOptions): Promise<NatsConnection> {
  const { servers, role, member } = options;
  const encrypted = servers.some((server) => server.startsWith('tls://')) ? tlsOptions(options) : undefined;
  const mustBeOurs = encrypted === undefined && options.ofOthers !== true;
  const sign = natsSigner(options.seed);
  let known: NatsConnection | undefined;
  try {
    const connection = await connect({
      servers: [...servers],
      // A node's processes are told theirs in order, its own server first; programs spread over all.
      noRandomize: role === 'agent' || role === 'gateway',
      name: `pilotfish-${role}-${member}`,
      // Asked at each reconnect, once a server has said something and before we do.
      authenticator: (nonce) => {
        if (mustBeOurs && known && !isOwnServer(known)) dropServer(known);
        return sign(nonce);
      },
      inboxPrefix: inboxPrefix(role, member),
      ...(encrypted ? { tls: encrypted } : {}),
      // Building a stack for every request costs more than the request itself (measured: 39 against 20 us).
      noAsyncTraces: true,
      maxReconnectAttempts: -1,
      waitOnFirstConnect: options.firstAttemptsMax === -1,
      reconnectTimeWait: 100,
      reconnectJitter: 50,
      timeout: connectTimeoutMs,
      pingInterval: pingIntervalMs,
      maxPingOut: 2,
      ignoreAuthErrorAbort: true,
      ignoreClusterUpdates: options.onlyThese === true,
    });
    if (mustBeOurs && !isOwnServer(connection)) throw await strangersServer(connection);
    known = connection;
    if (options.locate) void followServers(connection, options.locate);
    return connection;
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    if (error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError) {
      throw new PlatformError('unauthenticated', "the pilot's servers do not know these keys", {
        hint: 'Was the token revoked, or the keys rotated? Ask the owner for a new connection file.',
        cause: error,
      });
    }
    throw new PlatformError('unavailable', `no NATS server answers at ${servers.join(', ')}`, {
      hint: 'Is the pilot up? `pilotfish pilot list` shows its state.',
      cause: error,
    });
  }
}

async function strangersServer(connection: NatsConnection): Promise<PlatformError> {
  const server = connection.getServer();
  await connection.close();
  return new PlatformError(
    'unavailable',
    `another user's program answers at ${server}, where a server of the pilot was`,
    {
      hint: 'Tell the administrators of this machine; `pilotfish down` and a new `up` get another port.',
    },
  );
}

/** The client hands on to TLS what it does not know itself: the name to verify, because addresses come and go. */
export function tlsOptions({ tls }: Pick<NatsOptions, 'tls'>): TlsOptions & { servername: string } {
  if (!tls) throw new PlatformError('internal', 'the brokers speak TLS, and no authority is given to trust');
  return { ca: tls.ca, servername: tls.serverName };
}

/** Reads a seed file; the trailing newline is not part of a seed. */
export function readSeed(path: string): string {
  return readFileSync(path, 'utf8').trim();
}
