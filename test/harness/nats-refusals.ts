/** What a real nats-server refuses a connection. */
import { type NatsConnection, PermissionViolationError } from '@nats-io/transport-node';

/** Publishes to each and returns those that the server refused. */
export async function refusedPublishes(connection: NatsConnection, subjects: readonly string[]): Promise<string[]> {
  const refused: string[] = [];
  const listening = (async () => {
    for await (const status of connection.status()) {
      if (status.type === 'error' && status.error instanceof PermissionViolationError)
        refused.push(status.error.subject);
    }
  })();
  for (const subject of subjects) connection.publish(subject);
  // The server answers in order: after its PONG every refusal has arrived.
  await connection.flush();
  await new Promise((resolve) => setImmediate(resolve));
  void listening;
  return subjects.filter((subject) => refused.includes(subject));
}

export async function isSubscriptionRefused(connection: NatsConnection, subject: string): Promise<boolean> {
  let refused = false;
  const subscription = connection.subscribe(subject, {
    callback: (error) => {
      if (error instanceof PermissionViolationError) refused = true;
    },
  });
  await connection.flush();
  subscription.unsubscribe();
  return refused;
}
