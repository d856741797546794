/**
 * While no server answers, a connection is told where they are now: a scheduler that puts a pilot's job back into the queue
 * starts it again on other nodes, and only those who were there before can tell of newcomers by themselves.
 */
import type { NatsConnection } from '@nats-io/transport-node';

/** URLs of the servers as they are known now; none where that cannot be told. */
export type LocateServers = () => readonly string[];

const lookEveryMs = 1_000;

/** Ends with the connection. */
export async function followServers(connection: NatsConnection, locate: LocateServers): Promise<void> {
  let known = '';
  const look = () => {
    const servers = locate();
    if (servers.length === 0 || servers.join() === known) return;
    known = servers.join();
    connection.setServers([...servers]);
  };
  let timer: NodeJS.Timeout | undefined;
  for await (const { type } of connection.status()) {
    if (type === 'disconnect') timer ??= setInterval(look, lookEveryMs).unref();
    if (type !== 'reconnect') continue;
    clearInterval(timer);
    timer = undefined;
  }
  clearInterval(timer);
}
