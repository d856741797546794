/**
 * What the processes of a node are told at their start: the pilot writes `node.json`, the launcher reads it and
 * writes `agent.json` and `gateway.json`. Strict: an unknown or wrong setting stops the start. Files hold paths of keys, never keys.
 */
import { z } from 'zod';

/** Where large payloads lie while events name them; see platform/claims. */
export const claimsSchema = z.strictObject({
  /** One folder for all nodes, one a node, or none: then the stream keeps them in pieces. */
  place: z.enum(['shared', 'node', 'stream']),
  /** Holds a folder for each place. */
  directory: z.string(),
  /** In a folder's token file: tells the pilot's own folder from another of the same path. */
  token: z.string(),
  /** Of one folder. */
  bytesMax: z.int().positive(),
});
export type Claims = z.infer<typeof claimsSchema>;

/** What functions may ask of a node. */
const nodeRoom = {
  /** Slots of the scheduler's grant. */
  slots: z.int().positive(),
  memoryBytes: z.int().positive(),
  gpus: z.int().nonnegative().optional(),
  /** { rack: "a" } */
  labels: z.record(z.string(), z.string()).optional(),
};

const nodeFields = {
  pilot: z.string(),
  node: z.string(),
  /** Address the node's processes bind to. */
  host: z.string(),
  ...nodeRoom,
};

const tlsFiles = z.strictObject({ ca: z.string(), cert: z.string(), key: z.string() });

/** Where spans go, and how many events are traced whose source says nothing of it. */
export const tracesSchema = z.strictObject({ endpoint: z.url(), ratio: z.number().min(0).max(1) });
export type TracesConfig = z.infer<typeof tracesSchema>;

/** `nodes/<id>/node.json`: what `up` (or a job script) gives a launcher. */
export const nodeConfigSchema = z.strictObject({
  ...nodeFields,
  /** The pilot's directory (shared between nodes), and this node's own below it. */
  pilotDirectory: z.string(),
  nodeDirectory: z.string(),
  /** Runs a nats-server. */
  broker: z.boolean(),
  /** How many servers hold the pilot's state, each all of it: 1, or 3 of which one may be lost. */
  brokers: z.int().positive(),
  /** Runs a gateway; one that stands by takes over when the acting one falls silent. */
  gateway: z.enum(['none', 'first', 'standby']),
  /** Bytes that JetStream may keep on disk. */
  storeBytes: z.int().positive(),
  /** The scheduler job's block; left off on one machine, where `up` knows and signs everything beforehand. */
  block: z.string().optional(),
  /** When the scheduler's job started, milliseconds since 1970. */
  startedAtMs: z.number().optional(),
  /** When the node's walltime is over, milliseconds since 1970 (R7). */
  endsAtMs: z.number().optional(),
  claims: claimsSchema,
  /** No scheduler enforces it: the launcher ends the node itself. */
  endsItself: z.boolean().optional(),
  /** The command on this machine that the pilot was brought up for, and ends with, however that ends. */
  endsWith: z.strictObject({ pid: z.int(), startTicks: z.string() }).optional(),
});
export type NodeConfig = z.infer<typeof nodeConfigSchema>;

/** `nodes/<id>/agent.json` */
export const agentConfigSchema = z.strictObject({
  ...nodeFields,
  nodeDirectory: z.string(),
  /** Private, node-local, gone with the launcher: sockets, spools, instances' scratch. */
  runDirectory: z.string(),
  brokers: z.array(z.string()).min(1),
  /** Where servers write down their addresses, should they come back with others. */
  brokersDirectory: z.string().optional(),
  seedFile: z.string(),
  tls: tlsFiles,
  claims: claimsSchema,
  /** Left off: nothing is traced. */
  traces: tracesSchema.optional(),
  /** When the node's walltime is over, as far as is known at its start, milliseconds since 1970 (R7). */
  endsAtMs: z.number().optional(),
});
export type AgentConfig = z.infer<typeof agentConfigSchema>;

/** `nodes/<id>/gateway.json` */
export const gatewayConfigSchema = z.strictObject({
  pilot: z.string(),
  node: z.string(),
  host: z.string(),
  /** 0 at the first start; the same port ever after. */
  port: z.int().nonnegative(),
  brokers: z.array(z.string()).min(1),
  seedFile: z.string(),
  tls: tlsFiles,
  /** The pilot's authority, users and connection file: the gateway makes tokens and renews certificates. */
  access: z.strictObject({
    keys: z.string(),
    caCert: z.string(),
    caKey: z.string(),
    users: z.string(),
    connection: z.string(),
  }),
  storeBytes: z.int().positive(),
  brokerReplicas: z.int().positive(),
  /** Waits until no other gateway acts, even where none has acted yet. */
  standby: z.boolean(),
  claims: claimsSchema,
  /** The pilot's directory on the file system that its nodes share: its scheduler jobs are known there. */
  pilotDirectory: z.string(),
  /** The scheduler job's block that this node belongs to. */
  block: z.string().optional(),
});
export type GatewayConfig = z.infer<typeof gatewayConfigSchema>;

/** One line of JSON that a child writes to its launcher on fd 3. */
export const childMessageSchema = z.union([
  z.strictObject({ ready: z.strictObject({ address: z.string() }) }),
  /** An instance (or spawner) that must not outlive the agent; startTicks is field 22 of /proc/PID/stat. */
  z.strictObject({ started: z.strictObject({ pid: z.int(), startTicks: z.string() }) }),
  z.strictObject({ ended: z.strictObject({ pid: z.int() }) }),
  /** Of the agent: whether it is connected to a broker. */
  z.strictObject({ broker: z.enum(['away', 'back']) }),
]);
export type ChildMessage = z.infer<typeof childMessageSchema>;

/** `connection.json`, 0600: all that a command or program needs to reach a pilot. */
export const connectionSchema = z.strictObject({
  pilot: z.string(),
  version: z.string(),
  /** `others`: where the next gateway will be when this one is lost. */
  gateway: z.strictObject({ address: z.string(), others: z.array(z.string()).default([]), serverName: z.string() }),
  brokers: z.array(z.string()).min(1),
  /** PEM texts of the pilot's CA and the owner's certificate. */
  tls: z.strictObject({ ca: z.string(), cert: z.string(), key: z.string() }),
  /** NATS nkey seeds for publishing events and for reading them; empty where a token does not include that. */
  seeds: z.strictObject({ source: z.string(), viewer: z.string() }),
  /** Id of the token that the file is for; left off in the owner's own. */
  token: z.string().optional(),
  /** Left off where the holder cannot see the pilot's files. */
  claims: claimsSchema.optional(),
  /** The scheduler job with the gateway: whoever sees none of the pilot's files can ask what became of it. */
  job: z.strictObject({ resource: z.string(), id: z.string() }).optional(),
});
export type Connection = z.infer<typeof connectionSchema>;

/** An agent's entry in the nodes bucket. */
export const nodeEntrySchema = z.strictObject({
  node: z.string(),
  /** host:port of its gRPC server. */
  address: z.string(),
  /** Where it takes calls: host:port with TLS for other nodes, a Unix socket for a gateway of its own node. */
  calls: z.strictObject({
    address: z.string(),
    socketPath: z.string(),
    /** The first word on a line: what can reach the socket need not be allowed to call. */
    token: z.string(),
  }),
  ...nodeRoom,
  /** When its scheduler job ends, milliseconds since 1970; left out where no end is known. */
  endsAt: z.int().optional(),
  version: z.string(),
  /** Changes when the agent is another process than before; milliseconds since 1970. */
  startedAt: z.int(),
});
export type NodeEntry = z.infer<typeof nodeEntrySchema>;
