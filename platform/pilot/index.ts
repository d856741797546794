/** Pilots: where they are kept, how they are brought up and ended, and one adapter for each kind of resource. */
export type { NodeStart, PilotAdapter, StartedNode } from './adapter.ts';
export { type EndOptions, endPilot } from './end-pilot.ts';
export {
  agentMember,
  brokerMember,
  codeCacheDirectory,
  type HomeSettings,
  nodePaths,
  pilotPaths,
  pilotsDirectory,
  resolveHome,
} from './home.ts';
export { listPilots, type PilotState, type PilotSummary, readConnection, resolvePilot } from './list-pilots.ts';
export { isAlive, killGroup } from './processes.ts';
export { failedProgress, type LauncherProgress } from './progress.ts';
export {
  type BrokerRecord,
  type LauncherRecord,
  type ProcessId,
  readBrokerRecords,
  readLauncherRecord,
} from './records.ts';
export { createAdapter } from './resource.ts';
export { nodesMax, type StartedPilot, type StartPhase, type StartPilotOptions, startPilot } from './start-pilot.ts';
export { waitForFile } from './wait-for-file.ts';
