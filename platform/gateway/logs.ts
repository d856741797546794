/** Reads a function's log lines from the LOGS stream. */
import type { NatsConnection } from '@nats-io/transport-node';
import { logFilter, readStream, streams } from '#broker';
import { PlatformError, systemClock } from '#common';
import type { LogsRequest, LogsResponse } from '#proto';
import { startOf } from './start-of.ts';

/** From the least to the worst. */
const levels = ['debug', 'info', 'warn', 'error'];

export async function* readLogs(
  connection: NatsConnection,
  request: LogsRequest,
  signal: AbortSignal,
): AsyncGenerator<LogsResponse, void, void> {
  const least = levelOf(request.level);
  const messages = await readStream({
    connection,
    stream: streams.logs,
    filter: logFilter(request.function),
    from: startOf(request),
    untilCurrent: !request.follow,
    signal,
    clock: systemClock,
  });
  for await (const message of messages) {
    const line = message.json<{
      time: number;
      node: string;
      level: string;
      call: string;
      trace?: string;
      text: string;
    }>();
    if (levels.indexOf(line.level) < least) continue;
    yield {
      timeMs: line.time,
      function: request.function,
      instance: message.subject.split('.').at(-1) ?? '',
      node: line.node,
      callId: line.call,
      level: line.level,
      message: line.text,
      traceId: line.trace ?? '',
      sequence: message.seq,
    };
  }
}

/** Its place among the levels; -1, which is below all, where none is named. Throws `usage`. */
function levelOf(level: string): number {
  const at = levels.indexOf(level);
  if (at >= 0 || level === '') return at;
  throw new PlatformError('usage', `"${level}" is no level of a log line`, { hint: `There are ${levels.join(', ')}.` });
}
