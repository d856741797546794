/** What the sources of events that the platform runs itself have in common: one owner at a time, a few looks a second. */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import { type EventPublisher, encodeHeaders, eventSubject, messageIdHeader, streams } from '#broker';
import type { Clock } from '#common';
import type { Trigger } from '#proto';
import type { Logger } from '#telemetry';

export interface TriggerSource {
  /** Looks once for what is due. False: another owner has come, this one is over. May reject; it is then asked again. */
  look(): Promise<boolean>;
  stop(): void;
}

export interface SourceOptions {
  readonly functionName: string;
  readonly trigger: Trigger;
  readonly marks: KV;
  readonly publisher: EventPublisher;
  readonly manager: JetStreamManager;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shown to the function's authors, beside its own log lines. */
  readonly tell: (level: 'warn' | 'error', text: string) => void;
  /** A paused trigger makes no events that its policy would have to make up for. */
  readonly paused: () => boolean;
  /** False once the lease may have ended: nothing is published any more. */
  readonly held: () => boolean;
}

export interface SourceEvent {
  readonly subject: string;
  readonly id: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly payload: unknown;
}

/** Resolves once the stream has stored the event, or had it already; rejects where it is refused. */
export function publishEvent({ publisher }: SourceOptions, event: SourceEvent): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const headers = encodeHeaders([[messageIdHeader, event.id], ...event.headers]);
  const payload = Buffer.from(JSON.stringify(event.payload));
  publisher.publish(eventSubject(event.subject), payload, headers, (error) => (error ? reject(error) : resolve()));
  return promise;
}

/** Headers of the last event stored on a subject: what an owner that was killed did last. */
export async function lastHeaders(
  { manager }: SourceOptions,
  subject: string,
): Promise<{ get(name: string): string } | undefined> {
  const last = await manager.streams.getMessage(streams.events, { last_by_subj: eventSubject(subject) });
  return last?.header;
}
