/** Reads a function's log lines from the LOGS stream. */
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { logFilter, streams } from '#broker';
import { PlatformError } from '#common';
import type { LogsRequest, LogsResponse } from '#proto';

/** From the least to the worst. */
const levels = ['debug', 'info', 'warn', 'error'];

export async function* readLogs(
  connection: NatsConnection,
  request: LogsRequest,
  signal: AbortSignal,
): AsyncGenerator<LogsResponse, void, void> {
  const least = levelOf(request.level);
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
      if (levels.indexOf(line.level) >= least) {
        yield {
          timeMs: line.time,
          function: request.function,
          instance,
          node: line.node,
          callId: line.call,
          level: line.level,
          message: line.text,
        };
      }
      if (!request.follow && message.info.pending === 0) break;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    await messages.close();
  }
}

/** Its place among the levels; -1, which is below all, where none is named. Throws `usage`. */
function levelOf(level: string): number {
  const at = levels.indexOf(level);
  if (at >= 0 || level === '') return at;
  throw new PlatformError('usage', `"${level}" is no level of a log line`, { hint: `There are ${levels.join(', ')}.` });
}
