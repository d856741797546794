/** The file in which a nats-server tells the addresses it listens at; it appears once the server is ready. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const portsSchema = z.object({ nats: z.array(z.string()).optional(), tls: z.array(z.string()).optional() });

/** "host:port" of the server with this pid, or undefined while it is not ready. */
export function readServerAddress(portsDirectory: string, pid: number): string | undefined {
  const name = readdirSync(portsDirectory).find((entry) => entry.endsWith(`_${pid}.ports`));
  if (name === undefined) return undefined;
  let found: z.infer<typeof portsSchema>;
  try {
    found = portsSchema.parse(JSON.parse(readFileSync(join(portsDirectory, name), 'utf8')));
  } catch {
    // Seen while it was being written: the next look finds it whole.
    return undefined;
  }
  const url = found.nats?.[0] ?? found.tls?.[0];
  return url === undefined ? undefined : new URL(url).host;
}
