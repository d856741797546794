/** Which pilots there are, and in what state they truly are. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { formatDuration, messageOf, nearestName, PlatformError } from '#common';
import { type Connection, connectionSchema } from '#model';
import { readPrivate } from '#security';
import { nodePaths, pilotPaths, pilotsDirectory } from './files/home.ts';
import { isAlive } from './files/processes.ts';
import { readLauncherRecord, readPilotRecord } from './files/records.ts';
import { askSchedulers, summarizeFiles } from './jobs/scheduled-summary.ts';
import type { PilotState, PilotSummary } from './pilot-summary.ts';
import { isScheduled } from './resource.ts';

/** Oldest first. */
export function listPilots(home: string): PilotSummary[] {
  const directory = pilotsDirectory(home);
  if (!existsSync(directory)) return [];
  const pilots = readdirSync(directory).map((pilot) => summarize(pilot, join(directory, pilot)));
  return pilots.sort((a, b) => a.createdAtMs - b.createdAtMs);
}

function summarize(pilot: string, directory: string): PilotSummary {
  const paths = pilotPaths(directory);
  const record = readPilotRecord(paths.record);
  if (record && isScheduled(record.resource)) {
    const { resource, machine, createdAtMs } = record;
    return { pilot, resource, machine, createdAtMs, directory, ...summarizeFiles(directory) };
  }
  const nodes = record?.nodes ?? [];
  const alive = nodes.filter(({ node }) => {
    const launcher = readLauncherRecord(nodePaths(join(paths.nodes, node)).record)?.launcher;
    return launcher !== undefined && isAlive(launcher);
  });
  return {
    pilot,
    state: stateOf(nodes.length, alive.length, existsSync(paths.connection)),
    resource: record?.resource ?? '',
    machine: record?.machine ?? '',
    nodes: nodes.length,
    nodesAlive: alive.length,
    slots: nodes.reduce((sum, { slots }) => sum + slots, 0),
    createdAtMs: record?.createdAtMs ?? 0,
    directory,
  };
}

function stateOf(nodes: number, alive: number, connected: boolean): PilotState {
  if (alive === 0) return 'stopped';
  if (alive < nodes) return 'broken';
  return connected ? 'running' : 'starting';
}

/** The pilot that is meant: the named one, or the only one. Throws `not-found`, or `usage` where several could be meant. */
export function resolvePilot(home: string, id: string | undefined): PilotSummary {
  const pilots = listPilots(home);
  if (id !== undefined) {
    const named = pilots.find(({ pilot }) => pilot === id);
    if (named) return named;
    const near = nearestName(
      id,
      pilots.map(({ pilot }) => pilot),
    );
    const hint = near === undefined ? '`pilotfish pilot list` shows the pilots there are.' : `Did you mean ${near}?`;
    throw new PlatformError('not-found', `there is no pilot "${id}" in ${home}`, { hint });
  }
  const living = pilots.filter(({ state }) => state !== 'stopped');
  const candidates = living.length > 0 ? living : pilots;
  const [only, ...others] = candidates;
  if (!only) {
    throw new PlatformError('not-found', `there is no pilot in ${home}`, { hint: 'Bring one up: pilotfish up' });
  }
  if (others.length > 0) {
    const lines = candidates.map(({ pilot, state, createdAtMs }) => `  ${pilot}  ${state}, ${age(createdAtMs)}`);
    throw new PlatformError('usage', `there are ${candidates.length} pilots:\n${lines.join('\n')}`, {
      hint: `Say which: --pilot ${only.pilot}, or PILOTFISH_PILOT=${only.pilot}`,
    });
  }
  return only;
}

/** How to reach the pilot. Throws `unavailable` before it is ready, `permission-denied` where others can read the file. */
export function readConnection(pilot: PilotSummary): Connection {
  const { connection } = pilotPaths(pilot.directory);
  if (!existsSync(connection)) {
    throw new PlatformError('unavailable', `pilot ${pilot.pilot} is ${pilot.state}: it has no gateway to talk to`, {
      hint:
        pilot.state === 'starting' || pilot.state === 'queued'
          ? `Wait for it: pilotfish pilot wait ${pilot.pilot}`
          : `End it and bring up a new one: pilotfish down ${pilot.pilot}`,
    });
  }
  return connectionSchema.parse(JSON.parse(readPrivate(connection)));
}

/** The same with the schedulers' word for pilots in jobs; one that does not answer leaves what files tell. */
export async function refreshPilots(
  pilots: readonly PilotSummary[],
  onSilence: (why: string) => void,
): Promise<PilotSummary[]> {
  return await Promise.all(
    pilots.map(async (pilot) => {
      if (!isScheduled(pilot.resource)) return pilot;
      try {
        return await askSchedulers(pilot);
      } catch (error) {
        onSilence(`${pilot.pilot}: ${messageOf(error)}`);
        return pilot;
      }
    }),
  );
}

/** A connection file that somebody was given. Throws `invalid` for another kind of file, `not-found`, `permission-denied`. */
export function readConnectionFile(path: string): Connection {
  const text = readPrivate(path);
  try {
    return connectionSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new PlatformError('invalid', `"${path}" is no connection file`, {
      cause: error,
      hint: 'The owner of a pilot makes one: pilotfish auth token create --role ROLE --out FILE',
    });
  }
}

function age(createdAtMs: number): string {
  return createdAtMs === 0 ? 'age unknown' : `up for ${formatDuration(Date.now() - createdAtMs)}`;
}
