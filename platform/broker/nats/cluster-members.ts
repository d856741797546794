/** The servers that decide about streams together (JetStream's meta group), seen and changed through their own account. */
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { PlatformError } from '#common';
import { natsSigner } from '#security';
import { type NatsOptions, tlsOptions } from './connect.ts';

const removeSubject = '$JS.API.SERVER.REMOVE';
const answerMs = 5_000;
const triesMax = 10;

/**
 * Takes servers out for good, one after the other: those that are left must be able to decide, and a majority of all that
 * were ever members must have agreed before the last of the old ones ends. Out already is fine. Throws `unavailable`.
 */
export async function removeServers(
  options: Pick<NatsOptions, 'servers' | 'seed' | 'tls'>,
  names: readonly string[],
): Promise<void> {
  const connection = await connect({
    servers: [...options.servers],
    name: 'pilotfish-system',
    authenticator: natsSigner(options.seed),
    ...(options.tls ? { tls: tlsOptions(options) } : {}),
  });
  try {
    for (const name of names) await remove(connection, name);
  } finally {
    await connection.close();
  }
}

async function remove(connection: NatsConnection, name: string): Promise<void> {
  let last = '';
  for (let tries = 0; tries < triesMax; tries++) {
    const answer = await ask(connection, name);
    if (answer.success === true || /not a member|not found/i.test(answer.error?.description ?? '')) return;
    last = answer.error?.description ?? 'no answer';
  }
  throw new PlatformError('unavailable', `server ${name} cannot be taken out of the cluster: ${last}`);
}

interface RemoveAnswer {
  readonly success?: boolean;
  readonly error?: { readonly description?: string };
}

async function ask(connection: NatsConnection, name: string): Promise<RemoveAnswer> {
  try {
    const reply = await connection.request(removeSubject, JSON.stringify({ peer: name }), { timeout: answerMs });
    return reply.json<RemoveAnswer>();
  } catch {
    // The leader of the group is being elected: asked again.
    return {};
  }
}
