/** The launcher: one a node, parent of its other processes. */
export { rotateLog } from './child-logs.ts';
export { forbidCoreDumps } from './core-dumps.ts';
export { Launcher, type LauncherOptions } from './launcher.ts';
export { restartDelayMs } from './restart-delay.ts';
export { makeClaims, removeClaims } from './run-directory.ts';
