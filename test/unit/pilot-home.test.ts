/** Where pilots are kept and which one a command means. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PlatformError } from '#common';
import { readStartTicks } from '#model';
import {
  createAdapter,
  endPilot,
  listPilots,
  nodePaths,
  pilotPaths,
  readConnection,
  resolveHome,
  resolvePilot,
  startPilot,
} from '#pilot';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pilotfish-home-'));
});
afterEach(() => {
  rmSync(home, { recursive: true });
});

describe('resolveHome()', () => {
  test('takes PILOTFISH_HOME, then XDG_STATE_HOME, then HOME', () => {
    const settings = { PILOTFISH_HOME: '/p', XDG_STATE_HOME: '/x', HOME: '/h' };
    expect(resolveHome(settings)).toBe('/p');
    expect(resolveHome({ ...settings, PILOTFISH_HOME: '' })).toBe('/x/pilotfish');
    expect(resolveHome({ HOME: '/h' })).toBe('/h/.local/state/pilotfish');
    expect(failureOf(() => resolveHome({})).code).toBe('usage');
  });
});

describe('listPilots() and resolvePilot()', () => {
  test('an empty home has no pilots, and says how to bring one up', () => {
    expect(listPilots(home)).toEqual([]);
    expect(failureOf(() => resolvePilot(home, undefined))).toMatchObject({
      code: 'not-found',
      hint: 'Bring one up: pilotfish up',
    });
  });

  test('states come from the processes: running, starting, broken, stopped', () => {
    plantPilot('p-run2', { alive: 2, dead: 0, connected: true });
    plantPilot('p-sta2', { alive: 2, dead: 0, connected: false });
    plantPilot('p-brk2', { alive: 1, dead: 1, connected: true });
    plantPilot('p-stp2', { alive: 0, dead: 2, connected: true });
    mkdirSync(join(home, 'pilots', 'p-emp2'));
    const states = Object.fromEntries(listPilots(home).map(({ pilot, state }) => [pilot, state]));
    expect(states).toEqual({
      'p-run2': 'running',
      'p-sta2': 'starting',
      'p-brk2': 'broken',
      'p-stp2': 'stopped',
      'p-emp2': 'stopped',
    });
  });

  test('a pid that now belongs to another process counts as dead', () => {
    plantPilot('p-old2', { alive: 1, dead: 0, connected: true, startTicks: '1' });
    expect(listPilots(home)[0]?.state).toBe('stopped');
  });

  test('one living pilot is the one that is meant; of several none is', () => {
    plantPilot('p-stp2', { alive: 0, dead: 1, connected: true });
    plantPilot('p-run2', { alive: 1, dead: 0, connected: true });
    expect(resolvePilot(home, undefined).pilot).toBe('p-run2');
    plantPilot('p-run3', { alive: 1, dead: 0, connected: true });
    const failure = failureOf(() => resolvePilot(home, undefined));
    expect(failure.code).toBe('usage');
    expect(failure.message).toContain('p-run3  running');
    expect(failure.hint).toMatch(/--pilot p-run\d, or PILOTFISH_PILOT=p-run\d/);
    expect(resolvePilot(home, 'p-run3').pilot).toBe('p-run3');
    expect(failureOf(() => resolvePilot(home, 'p-rum3'))).toMatchObject({
      code: 'not-found',
      hint: 'Did you mean p-run3?',
    });
  });

  test('a pilot without a connection is named with its state', () => {
    plantPilot('p-sta2', { alive: 1, dead: 0, connected: false });
    expect(failureOf(() => readConnection(resolvePilot(home, undefined)))).toMatchObject({
      code: 'unavailable',
      message: 'pilot p-sta2 is starting: it has no gateway to talk to',
    });
  });
});

describe('startPilot()', () => {
  const start = (nodes: number, slotsPerNode: number) =>
    startPilot({
      home,
      resource: 'local://',
      adapter: createAdapter('local://', ['false']),
      nodes,
      slotsPerNode,
      waitReady: async () => undefined,
      onPhase: () => undefined,
      signal: AbortSignal.timeout(10_000),
    });

  test.each([0, 65, 1.5])('refuses %d nodes before it makes anything', async (nodes) => {
    await expect(start(nodes, 1)).rejects.toThrow('a pilot has 1 to 64 nodes');
    expect(listPilots(home)).toEqual([]);
  });

  test('a launcher that ends at once is told, and nothing is left', async () => {
    await expect(start(2, 1)).rejects.toThrow(/the launcher of node n\d ended \(exit code 1\)/);
    expect(listPilots(home)).toEqual([]);
  });

  test('an unknown resource names what is supported', () => {
    expect(failureOf(() => createAdapter('slurm://site', []))).toMatchObject({
      code: 'usage',
      message: 'resource "slurm://site" is not supported',
      hint: expect.stringContaining('local://'),
    });
  });
});

describe('endPilot()', () => {
  test('refuses on another machine, where pids mean nothing', async () => {
    const directory = plantPilot('p-far2', { alive: 0, dead: 1, connected: true, machine: 'elsewhere' });
    await expect(endPilot(directory)).rejects.toThrow('pilot p-far2 runs on elsewhere');
    expect(listPilots(home)).toHaveLength(1);
  });

  test('removes nothing outside the pilot on the word of a damaged record', async () => {
    const precious = join(home, 'precious');
    mkdirSync(precious);
    const directory = plantPilot('p-bad2', { alive: 0, dead: 1, connected: true, runDirectory: precious });
    await endPilot(directory);
    expect(listPilots(home)).toEqual([]);
    expect(() => mkdirSync(precious)).toThrow('EEXIST');
  });
});

interface Planted {
  /** Nodes whose launcher is this test's own process. */
  readonly alive: number;
  readonly dead: number;
  readonly connected: boolean;
  readonly startTicks?: string;
  readonly machine?: string;
  readonly runDirectory?: string;
}

function plantPilot(pilot: string, planted: Planted): string {
  const directory = join(home, 'pilots', pilot);
  const nodes = Array.from({ length: planted.alive + planted.dead }, (_, index) => ({
    node: `n${index + 1}`,
    host: '127.0.0.11',
    slots: 1,
  }));
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const record = {
    pilot,
    version: '0',
    resource: 'local://',
    machine: planted.machine ?? hostname(),
    createdAtMs: 1,
    nodes,
  };
  writeFileSync(pilotPaths(directory).record, JSON.stringify(record));
  if (planted.connected) writeFileSync(pilotPaths(directory).connection, '{}');
  for (const [index, { node }] of nodes.entries()) {
    const nodeDirectory = join(directory, 'nodes', node);
    mkdirSync(nodeDirectory, { recursive: true });
    const ownTicks = planted.startTicks ?? readStartTicks(process.pid) ?? '';
    const launcher = { pid: process.pid, startTicks: index < planted.alive ? ownTicks : '1' };
    const runDirectory = planted.runDirectory ?? '/dev/shm/none';
    writeFileSync(
      nodePaths(nodeDirectory).record,
      JSON.stringify({ node, launcher, runDirectory, children: [], instances: [] }),
    );
  }
  return directory;
}

function failureOf(act: () => unknown): PlatformError {
  try {
    act();
  } catch (error) {
    if (error instanceof PlatformError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}
