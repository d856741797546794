/**
 * Ends a pilot whatever state it is in: half started, running, its launchers killed, or ended already. What counts is what
 * records and /proc say, never what a command remembers. Safe to do twice, or at the same time.
 */
import { existsSync, readdirSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type Clock, PlatformError, systemClock } from '#common';
import { removeTree, writePrivate } from '#security';
import { removeClaims } from './files/claims.ts';
import { nodePaths, pilotPaths } from './files/home.ts';
import { findPilotProcesses, isAlive, killGroup, signalProcess } from './files/processes.ts';
import { type LauncherRecord, readLauncherRecord, readPilotRecord } from './files/records.ts';
import { endScheduledPilot } from './jobs/end-scheduled-pilot.ts';
import { isScheduled } from './resource.ts';

export interface EndOptions {
  /** Time for launchers to drain and end by themselves. */
  readonly graceMs?: number;
  /** Aborted by an impatient user: launchers get their second signal. */
  readonly hasten?: AbortSignal;
  readonly clock?: Clock;
}

/** A launcher's own graces: 10 s for the agent's drain, the rest for gateway and broker. */
const graceMsDefault = 15_000;
const pollMs = 20;
/** A killed process is gone in milliseconds, unless it hangs in a dead file system. */
const killedWaitMs = 3_000;

/** Leaves no process, socket, or file of the pilot. Throws `conflict` on another machine than the pilot's. */
export async function endPilot(pilotDirectory: string, options: EndOptions = {}): Promise<void> {
  const clock = options.clock ?? systemClock;
  const paths = pilotPaths(pilotDirectory);
  if (!existsSync(pilotDirectory)) return;
  const record = readPilotRecord(paths.record);
  if (record && isScheduled(record.resource)) return await endScheduledPilot(pilotDirectory, options, clock);
  if (record && record.machine !== hostname()) {
    throw new PlatformError('conflict', `pilot ${record.pilot} runs on ${record.machine}, this is ${hostname()}`, {
      hint: `Run the command on ${record.machine}.`,
    });
  }
  // First of all: a launcher that has not yet got so far sees it and does not start.
  if (existsSync(pilotDirectory)) writeStop(paths.stop);
  await endLaunchers(pilotDirectory, options, clock);
  const records = await killRemaining(pilotDirectory, clock);
  for (const { runDirectory } of records) removeRunDirectory(runDirectory);
  removeClaims(pilotDirectory);
  removeTree(pilotDirectory);
}

async function endLaunchers(pilotDirectory: string, options: EndOptions, clock: Clock): Promise<void> {
  const deadline = clock.monotonic() + (options.graceMs ?? graceMsDefault);
  const signalled = new Map<number, number>();
  for (;;) {
    const launchers = [...livingLaunchers(pilotDirectory)];
    const times = options.hasten?.aborted ? 2 : 1;
    for (const launcher of launchers) {
      // Those that appear only now get theirs too. One a round: two at once would be taken for one.
      const before = signalled.get(launcher.pid) ?? 0;
      if (before >= times) continue;
      signalProcess(launcher, 'SIGTERM');
      signalled.set(launcher.pid, before + 1);
    }
    if (launchers.length === 0 || clock.monotonic() >= deadline) return;
    await clock.sleep(pollMs);
  }
}

/** By the records, and those that have not yet written one. */
function* livingLaunchers(pilotDirectory: string) {
  const seen = new Set<number>();
  for (const { launcher } of launcherRecords(pilotDirectory)) {
    if (!isAlive(launcher)) continue;
    seen.add(launcher.pid);
    yield launcher;
  }
  const configs = new Set(nodeDirectories(pilotDirectory).map((directory) => nodePaths(directory).config));
  for (const found of findPilotProcesses(pilotDirectory)) {
    if (configs.has(found.config) && !seen.has(found.pid)) yield found;
  }
}

async function killRemaining(pilotDirectory: string, clock: Clock): Promise<LauncherRecord[]> {
  const deadline = clock.monotonic() + killedWaitMs;
  for (;;) {
    const records = launcherRecords(pilotDirectory);
    const remaining = [
      ...records.flatMap(({ launcher, children, instances }) => [launcher, ...children, ...instances]),
      ...findPilotProcesses(pilotDirectory),
    ].filter(isAlive);
    if (remaining.length === 0) return records;
    if (clock.monotonic() >= deadline) {
      throw new PlatformError(
        'timeout',
        `processes ${remaining.map(({ pid }) => pid).join(', ')} do not end though killed`,
        {
          hint: 'They hang in the kernel (a dead file system?). Run `pilotfish down` again later.',
        },
      );
    }
    for (const process of remaining) killGroup(process);
    await clock.sleep(pollMs);
  }
}

function writeStop(path: string): void {
  try {
    writePrivate(path, '');
  } catch (error) {
    // Another `down` has removed the directory meanwhile.
    if (existsSync(dirname(path))) throw error;
  }
}

function launcherRecords(pilotDirectory: string): LauncherRecord[] {
  return nodeDirectories(pilotDirectory).flatMap((directory) => readLauncherRecord(nodePaths(directory).record) ?? []);
}

function nodeDirectories(pilotDirectory: string): string[] {
  const { nodes } = pilotPaths(pilotDirectory);
  try {
    return readdirSync(nodes).map((name) => join(nodes, name));
  } catch {
    // `up` did not get so far, or another `down` got further.
    return [];
  }
}

/** Only what a launcher would have made: a damaged record must not remove anything else. */
function removeRunDirectory(path: string): void {
  const ours = basename(path).startsWith(`pilotfish-${process.getuid?.() ?? 0}-`);
  if (ours && ['/dev/shm', tmpdir()].includes(dirname(path))) removeTree(path);
}
