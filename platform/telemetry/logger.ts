/** One JSON line an entry on stderr, which the launcher keeps in the node's log files. */
import { destination, type Logger, pino } from 'pino';

export type { Logger };

/** Fields are part of every line. Payloads and secrets never enter a log. */
export function createLogger(fields: { pilot: string; node: string; process: string }, level = 'info'): Logger {
  return pino(
    { level, base: fields, timestamp: () => `,"time":"${new Date().toISOString()}"` },
    destination({ fd: 2, sync: true }),
  );
}
