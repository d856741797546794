/**
 * Pilots: brought up (start-pilot.ts, scheduled-pilot.ts), found (list-pilots.ts) and ended (end-pilot.ts), with one adapter for each
 * kind of resource. `files/` is where they are kept and what is written down, `jobs/` their nodes from scheduler jobs,
 * `scheduler/` each batch system, `remote/` pilots of another machine.
 */
export type { NodeStart, PilotAdapter, StartedNode } from './adapter.ts';
export { type EndOptions, endPilot } from './end-pilot.ts';
export type { ClaimsShape } from './files/claims.ts';
export {
  agentMember,
  brokerMember,
  codeCacheDirectory,
  gatewayMember,
  type HomeSettings,
  nodePaths,
  pilotPaths,
  pilotsDirectory,
  resolveHome,
} from './files/home.ts';
export { signNodeCertificates } from './files/node-certificates.ts';
export { isAlive, killGroup } from './files/processes.ts';
export { failedProgress, type LauncherProgress } from './files/progress.ts';
export {
  type BrokerRecord,
  isDataPlain,
  type LauncherRecord,
  locateBrokers,
  type ProcessId,
  readBrokerRecords,
  readLauncherRecord,
  readPilotRecord,
} from './files/records.ts';
export { waitForFile } from './files/wait-for-file.ts';
export { openBlockNode, tellProgress } from './jobs/block-node.ts';
export {
  type Block,
  blockPaths,
  isRetired,
  listBlocks,
  longestQueueWaitMs,
  queueWaitMs,
  readBlock,
} from './jobs/blocks.ts';
export { type BlockReport, describeBlocks } from './jobs/describe-blocks.ts';
export { type BlockState, endOf, readJobStates } from './jobs/job-states.ts';
export { chooseBlocks, hoursSpent, hoursUsed, type NodeLimits, type NodeUse } from './jobs/node-limits.ts';
export {
  endBlock,
  type NodeChanges,
  type NodeJob,
  type NodeProvider,
  nodeHoursSpent,
  openNodeProvider,
  readLimits,
  startSuccessor,
} from './jobs/node-provider.ts';
export { describeEnd, forgetEnd, writeEnd } from './jobs/pilot-end.ts';
export {
  decideExtensions,
  decideRenewal,
  type ExtensionStep,
  type ExtensionView,
  handOverMs,
  joinMs,
  type RenewalStep,
  type RenewalView,
} from './jobs/renewal-plan.ts';
export { type Stage, type StageSources, stagePlatform } from './jobs/stage.ts';
export { schedulerOf } from './jobs/start-block.ts';
export { waitForBlock, waitForPilot } from './jobs/wait-for-block.ts';
export {
  listPilots,
  readConnection,
  readConnectionFile,
  refreshPilots,
  resolvePilot,
} from './list-pilots.ts';
export type { PilotState, PilotSummary } from './pilot-summary.ts';
export { describeJobEnd, describeRemoteEnd } from './remote/remote-end.ts';
export { parseVia, type Via } from './remote/remote-pilot.ts';
export { Tunnel } from './remote/tunnel.ts';
export { createAdapter, isScheduled } from './resource.ts';
export { type ScheduledPilotOptions, startScheduledPilot } from './scheduled-pilot.ts';
export { type NodeRequest, parseResource } from './scheduler/index.ts';
export {
  checkBrokers,
  chooseStoreBytes,
  nodesMax,
  type StartedPilot,
  type StartPhase,
  type StartPilotOptions,
  startPilot,
} from './start-pilot.ts';
