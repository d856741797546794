/** Pilots: where they are kept, how they are brought up and ended, and one adapter for each kind of resource. */
export type { NodeStart, PilotAdapter, StartedNode } from './adapter.ts';
export { openBlockNode, tellProgress } from './block-node.ts';
export { type Block, blockPaths, isRetired, listBlocks, longestQueueWaitMs, queueWaitMs, readBlock } from './blocks.ts';
export type { ClaimsShape } from './claims.ts';
export { type BlockReport, describeBlocks } from './describe-blocks.ts';
export { type EndOptions, endPilot } from './end-pilot.ts';
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
} from './home.ts';
export { type BlockState, endOf, readJobStates } from './job-states.ts';
export {
  listPilots,
  readConnection,
  readConnectionFile,
  refreshPilots,
  resolvePilot,
} from './list-pilots.ts';
export { signNodeCertificates } from './node-certificates.ts';
export { chooseBlocks, hoursSpent, hoursUsed, type NodeLimits, type NodeUse } from './node-limits.ts';
export {
  endBlock,
  type NodeChanges,
  type NodeJob,
  type NodeProvider,
  nodeHoursSpent,
  openNodeProvider,
  readLimits,
  startSuccessor,
} from './node-provider.ts';
export { describeEnd, forgetEnd, writeEnd } from './pilot-end.ts';
export type { PilotState, PilotSummary } from './pilot-summary.ts';
export { isAlive, killGroup } from './processes.ts';
export { failedProgress, type LauncherProgress } from './progress.ts';
export {
  type BrokerRecord,
  isDataPlain,
  type LauncherRecord,
  locateBrokers,
  type ProcessId,
  readBrokerRecords,
  readLauncherRecord,
  readPilotRecord,
} from './records.ts';
export { describeJobEnd, describeRemoteEnd } from './remote-end.ts';
export { parseVia, type Via } from './remote-pilot.ts';
export {
  decideExtensions,
  decideRenewal,
  type ExtensionStep,
  type ExtensionView,
  handOverMs,
  joinMs,
  type RenewalStep,
  type RenewalView,
} from './renewal-plan.ts';
export { createAdapter, isScheduled } from './resource.ts';
export { type ScheduledPilotOptions, startScheduledPilot } from './scheduled-pilot.ts';
export { type NodeRequest, parseResource } from './scheduler/index.ts';
export { type Stage, type StageSources, stagePlatform } from './stage.ts';
export { schedulerOf } from './start-block.ts';
export {
  checkBrokers,
  defaultStoreBytes,
  nodesMax,
  type StartedPilot,
  type StartPhase,
  type StartPilotOptions,
  startPilot,
} from './start-pilot.ts';
export { Tunnel } from './tunnel.ts';
export { waitForBlock, waitForPilot } from './wait-for-block.ts';
export { waitForFile } from './wait-for-file.ts';
