/** What was changed at the pilot and what was refused, in a stream of its own that only the gateway writes. */
import { type JetStreamClient, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { auditSubject, readStream, streams } from '#broker';
import { messageOf, systemClock } from '#common';
import type { TailAuditRequest, TailAuditResponse } from '#proto';
import type { Logger } from '#telemetry';
import { startOf } from '../start-of.ts';

/** Entries on their way to the stream. Past it they go to the gateway's own log only, and say so. */
const waitingMax = 1_000;

/** The stream gives it its sequence. */
export type AuditEntry = Omit<TailAuditResponse, 'sequence'>;

export class AuditLog {
  readonly #connection: NatsConnection;
  readonly #stream: JetStreamClient;
  readonly #logger: Logger;
  readonly #waiting = new Set<Promise<unknown>>();
  /** Told of each entry as it is written. */
  onEntry: (entry: AuditEntry) => void = () => undefined;

  constructor(connection: NatsConnection, logger: Logger) {
    this.#connection = connection;
    this.#stream = jetstream(connection);
    this.#logger = logger;
  }

  /** Does not hold up the call: what the stream does not take within its time stands in the gateway's log. */
  write(entry: AuditEntry): void {
    this.onEntry(entry);
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
    const messages = await readStream({
      connection: this.#connection,
      stream: streams.audit,
      from: startOf(request),
      untilCurrent: !request.follow,
      signal,
      clock: systemClock,
    });
    for await (const message of messages) yield { ...message.json<AuditEntry>(), sequence: message.seq };
  }
}
