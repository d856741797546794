/** The nouns that several processes share. */

export { anyKind } from './any-kind.ts';
export { callsAtOnce, callTimeoutMs, longestCallMs } from './calls-at-once.ts';
export { durationBoundsMs } from './duration-bounds.ts';
export { type LauncherLink, openLauncherLink } from './launcher-link.ts';
export { type NatsUsers, natsUsersSchema, type TokenUser } from './nats-users.ts';
export {
  type AgentConfig,
  agentConfigSchema,
  type ChildMessage,
  type Claims,
  type Connection,
  childMessageSchema,
  claimsSchema,
  connectionSchema,
  type GatewayConfig,
  gatewayConfigSchema,
  type NodeConfig,
  type NodeEntry,
  nodeConfigSchema,
  nodeEntrySchema,
  type TracesConfig,
  tracesSchema,
} from './process-config.ts';
export { readStartTicks } from './process-identity.ts';
export { cronProblem, type ScheduledBounds, scheduledAt } from './scheduled-bounds.ts';
export type { KillRequest, SpawnerReport, SpawnerRequest, SpawnRequest } from './spawn-messages.ts';
export {
  compileTemplate,
  matchSubject,
  patternCovers,
  patternsOverlap,
  templatePattern,
  tokenAt,
} from './subject-pattern.ts';
