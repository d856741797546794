/** What tells a launcher to end besides a signal: a file of the pilot or of its block, its own walltime, the end of the command that it is for. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeConfig } from '#model';
import { blockPaths, isAlive, type ProcessId, pilotPaths, waitForFile } from '#pilot';

/** What a timer can wait: no walltime is longer. */
const timerMsMax = 2 ** 31 - 1;
/** A stop file may be written on another node. */
const stopPollMs = 1_000;
const commandPollMs = 1_000;
export const toldToStop = 'it was told to end';

export function isToldToStop({ pilotDirectory, block }: NodeConfig): boolean {
  const { stop, blocks } = pilotPaths(pilotDirectory);
  const stopped = existsSync(stop) || !existsSync(pilotDirectory);
  return stopped || (block !== undefined && existsSync(blockPaths(join(blocks, block)).stop));
}

/** Calls `stop` with the reason once one of them is there; no more after the signal. */
export function watchStopSigns(config: NodeConfig, stop: (why: string) => void, signal: AbortSignal): void {
  waitForFile({
    directory: config.pilotDirectory,
    look: () => (isToldToStop(config) ? true : undefined),
    what: 'the stop file',
    signal,
    pollMs: stopPollMs,
  }).then(
    () => stop(toldToStop),
    // Cancelled: the launcher is ending already.
    () => undefined,
  );
  if (config.endsWith) watchCommand(config.endsWith, stop, signal);
  const { endsAtMs, endsItself } = config;
  // Where no scheduler would end the node. Its agent has drained by then (R7).
  if (!endsItself || endsAtMs === undefined) return;
  const timer = setTimeout(
    () => stop('its walltime was over'),
    Math.min(timerMsMax, Math.max(0, endsAtMs - Date.now())),
  );
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

/** A command that is killed takes no pilot down; nobody else knows of this one. */
function watchCommand(command: ProcessId, stop: (why: string) => void, signal: AbortSignal): void {
  const timer = setInterval(() => {
    if (!isAlive(command)) stop('the command that it was brought up for has ended');
  }, commandPollMs);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
