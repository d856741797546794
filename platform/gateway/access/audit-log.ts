/** What was changed at the pilot and what was refused, in a stream of its own that only the gateway writes. */
import { DeliverPolicy, type JetStreamClient, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { auditSubject, streams } from '#broker';
import { messageOf } from '#common';
import type { TailAuditRequest, TailAuditResponse } from '#proto';
import type { Logger } from '#telemetry';

/** Entries on their way to the stream. Past it they go to the gateway's own log only, and say so. */
const waitingMax = 1_000;

export class AuditLog {
  readonly #connection: NatsConnection;
  readonly #stream: JetStreamClient;
  readonly #logger: Logger;
  readonly #waiting = new Set<Promise<unknown>>();

  constructor(connection: NatsConnection, logger: Logger) {
    this.#connection = connection;
    this.#stream = jetstream(connection);
    this.#logger = logger;
  }

  /** Does not hold up the call: what the stream does not take within its time stands in the gateway's log. */
  write(entry: TailAuditResponse): void {
    if (this.#waiting.size >= waitingMax) return this.#logger.warn({ audit: entry }, 'audit entry kept here only');
    const stored = this.#stream
      .publish(auditSubject(entry.who), JSON.stringify(entry))
      .catch((error) => this.#logger.warn({ audit: entry, error: messageOf(error) }, 'audit entry kept here only'))
      .finally(() => this.#waiting.delete(stored));
    this.#waiting.add(stored);
  }

  /** Entries on their way are waited for. */
  async close(): Promise<void> {
    await Promise.all(this.#waiting);
  }

  async *read(request: TailAuditRequest, signal: AbortSignal): AsyncGenerator<TailAuditResponse, void, void> {
    const since =
      request.sinceMs > 0
        ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(request.sinceMs).toISOString() }
        : { deliver_policy: DeliverPolicy.All };
    const consumer = await jetstream(this.#connection).consumers.get(streams.audit, since);
    const { num_pending: kept } = await consumer.info(true);
    if (kept === 0 && !request.follow) return;
    const messages = await consumer.consume({ max_messages: 500 });
    const stop = () => messages.stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const message of messages) {
        yield message.json<TailAuditResponse>();
        if (!request.follow && message.info.pending === 0) break;
      }
    } finally {
      signal.removeEventListener('abort', stop);
      await messages.close();
    }
  }
}
