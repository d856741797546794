/** Pilots: where they are kept, how they are brought up and ended, and one adapter for each kind of resource. */
export { agentMember, type HomeSettings, nodePaths, openHome, pilotPaths, pilotsDirectory, resolveHome } from './home.ts';
export { isAlive, signalProcess } from './processes.ts';
export { failedProgress, type LauncherProgress } from './progress.ts';
export { brokerRecordSchema, type LauncherRecord, type ProcessId } from './records.ts';
export { waitForFile } from './wait-for-file.ts';
