/** Reads a function's log lines from the LOGS stream. */
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { logFilter, streams } from '#broker';
import type { LogsRequest, LogsResponse } from '#proto';

export async function* readLogs(
  connection: NatsConnection,
  request: LogsRequest,
  signal: AbortSignal,
): AsyncGenerator<LogsResponse, void, void> {
  const since =
    request.sinceMs > 0
      ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(request.sinceMs).toISOString() }
      : { deliver_policy: DeliverPolicy.All };
  const consumer = await jetstream(connection).consumers.get(streams.logs, {
    filter_subjects: [logFilter(request.function)],
    ...since,
  });
  const { num_pending: kept } = await consumer.info(true);
  if (kept === 0 && !request.follow) return;
  const messages = await consumer.consume({ max_messages: 500 });
  const stop = () => messages.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const message of messages) {
      const line = message.json<{ time: number; node: string; level: string; call: string; text: string }>();
      const instance = message.subject.split('.').at(-1) ?? '';
      yield {
        timeMs: line.time,
        function: request.function,
        instance,
        node: line.node,
        callId: line.call,
        level: line.level,
        message: line.text,
      };
      if (!request.follow && message.info.pending === 0) break;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    await messages.close();
  }
}
