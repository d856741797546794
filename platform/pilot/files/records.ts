/** What is written down about a pilot and its nodes, so that any later command can find and end every process. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { tracesSchema } from '#model';

const processSchema = z.object({ pid: z.int(), startTicks: z.string() });
/** A process; the start time tells it from a later one with the same pid. */
export type ProcessId = z.infer<typeof processSchema>;

/** `pilot.json` */
const pilotRecordSchema = z.object({
  pilot: z.string(),
  version: z.string(),
  resource: z.string(),
  /** Name of the machine on which `up` ran: pids mean nothing elsewhere. */
  machine: z.string(),
  createdAtMs: z.number(),
  /** `--plain-data`: clients and servers of the streams speak without TLS, between machines, too. */
  plainData: z.boolean().optional(),
  /** `--traces`: where spans go. */
  traces: tracesSchema.optional(),
  limits: z
    .object({
      nodesMax: z.int().optional(),
      nodeHoursMax: z.number().optional(),
      keepAliveMs: z.number().optional(),
    })
    .optional(),
  nodes: z.array(z.object({ node: z.string(), host: z.string(), slots: z.int() })),
});
export type PilotRecord = z.infer<typeof pilotRecordSchema>;

/** `nodes/<id>/launcher.json`: a launcher's first act, kept current. */
const launcherRecordSchema = z.object({
  node: z.string(),
  launcher: processSchema,
  runDirectory: z.string(),
  children: z.array(processSchema.extend({ name: z.string() })),
  /** Instances that the node's agent has started. */
  instances: z.array(processSchema),
});
export type LauncherRecord = z.infer<typeof launcherRecordSchema>;

/** `brokers/<node>.json`: written when the node's ports are chosen, and again once its server is ready. */
const brokerRecordSchema = z.object({
  node: z.string(),
  /** host:port for the other servers; empty where there are none. */
  route: z.string(),
  /** host:port of the node's gateway, should it act; empty where any port will do. */
  gateway: z.string(),
  /** host:port for clients, once it is ready. */
  server: z.string(),
});
export type BrokerRecord = z.infer<typeof brokerRecordSchema>;

/** Of all nodes that run a server, in the order of their names. */
export function readBrokerRecords(directory: string): BrokerRecord[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => readRecord(join(directory, name), brokerRecordSchema) ?? [])
    .sort((a, b) => a.node.localeCompare(b.node, 'en', { numeric: true }));
}

/** URLs of all servers that are ready, spoken to as the given one is. */
export function locateBrokers(directory: string, like: string): string[] {
  const scheme = /^\w+:\/\//.exec(like)?.[0] ?? '';
  return readBrokerRecords(directory).flatMap(({ server }) => (server === '' ? [] : `${scheme}${server}`));
}

export function readPilotRecord(path: string): PilotRecord | undefined {
  return readRecord(path, pilotRecordSchema);
}

/** True where the streams are to be read and written in the clear: on one machine, or where the owner said so by name. */
export function isDataPlain(path: string, block: string | undefined): boolean {
  return block === undefined || readPilotRecord(path)?.plainData === true;
}

export function readLauncherRecord(path: string): LauncherRecord | undefined {
  return readRecord(path, launcherRecordSchema);
}

/** Records are replaced whole, so one that cannot be parsed is not ours: counted as missing. */
function readRecord<T>(path: string, schema: z.ZodType<T>): T | undefined {
  try {
    if (!existsSync(path)) return undefined;
    const parsed = schema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    // Removed or cut off meanwhile: the pilot is going away.
    return undefined;
  }
}
