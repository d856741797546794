import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PlatformError } from '#common';
import { describeEnd, forgetEnd, nodePaths, type PilotState, writeEnd } from '#pilot';

const at = (time: string) => Date.parse(`2026-11-27T${time}Z`);

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pilotfish-end-'));
  for (const node of ['n1', 'n2']) mkdirSync(join(directory, 'nodes', node), { recursive: true });
});
afterEach(() => rmSync(directory, { recursive: true }));

const node = (name: string) => join(directory, 'nodes', name);
const summary = (resource: string, state: PilotState) => ({
  ...{
    pilot: 'p-7k2m',
    resource,
    state,
    directory,
    machine: 'here',
    nodes: 2,
    nodesAlive: 0,
    slots: 4,
    createdAtMs: 1,
  },
});
const textOf = async (end: Promise<PlatformError | undefined>) => (await end)?.message;

describe('a pilot on one machine', () => {
  test('that runs has no end, whatever an earlier launcher has said', async () => {
    writeEnd(node('n1'), { atMs: at('10:00:00'), why: 'it was told to end' });
    expect(await describeEnd(summary('local://', 'running'))).toBeUndefined();
  });

  test('ended when its last node did', async () => {
    writeEnd(node('n1'), { atMs: at('10:00:07'), why: 'its walltime was over' });
    writeEnd(node('n2'), { atMs: at('10:00:02'), why: 'it was told to end' });
    expect(await textOf(describeEnd(summary('local://', 'stopped')))).toBe(
      'pilot p-7k2m ended at 2026-11-27T10:00:07.000Z: its walltime was over',
    );
    forgetEnd(node('n1'));
    expect(await textOf(describeEnd(summary('local://', 'stopped')))).toContain('10:00:02.000Z: it was told to end');
  });

  test.each(['', '{', '{"atMs": "now"}'])('that left %j has ended, and nobody knows when', async (left) => {
    writeFileSync(nodePaths(node('n1')).end, left);
    expect(await textOf(describeEnd(summary('local://', 'stopped')))).toMatch(/^pilot p-7k2m has ended: .*killed/);
  });

  test('whose directory is gone takes no last word', () => {
    expect(() => writeEnd(node('n9'), { atMs: 1, why: 'it was told to end' })).not.toThrow();
  });
});

describe('a pilot in scheduler jobs', () => {
  const block = (name: string, brokers: number, endedAtMs?: number) => ({
    directory,
    job: name.slice(1),
    startedAtMs: 1,
    endedAtMs,
    stopping: false,
    plan: {
      ...{ pilot: 'p-7k2m', block: name, resource: 'slurm://', request: { nodes: 1 }, nodes: [`n${name}`], stage: '' },
      ...{ pilotDirectory: directory, storeBytes: 1, brokers, pilotBrokers: 1, gateway: name === 'b1', renew: false },
      createdAtMs: 1,
    },
  });
  const ended = (id: string, word: string, endAtMs?: number) => ({
    ...{ id, phase: 'ended' as const, word, reason: '' },
    ...(endAtMs === undefined ? {} : { endAtMs }),
  });
  const asked = (states: Awaited<ReturnType<NonNullable<Parameters<typeof describeEnd>[1]>>>) =>
    textOf(describeEnd(summary('slurm://', 'running'), async () => states));

  test("ended by the scheduler's word, with what its launcher said last", async () => {
    const state = ended('1', 'TIMEOUT', at('10:02:00'));
    expect(await asked([{ block: block('b1', 1), state }])).toBe(
      'pilot p-7k2m ended at 2026-11-27T10:02:00.000Z: its job 1 is timeout',
    );
    writeEnd(node('n1'), { atMs: at('10:01:59'), why: 'its launcher got SIGTERM' });
    expect(await asked([{ block: block('b1', 1), state }])).toMatch(
      /10:02:00.*job 1 is timeout, its launcher got SIGTERM$/,
    );
  });

  test('that the scheduler has forgotten ended when a gateway saw it, or when its launcher did', async () => {
    expect(await asked([{ block: block('b1', 1, at('10:03:00')), state: ended('1', 'GONE') }])).toMatch(
      /ended at 2026-11-27T10:03:00.000Z: its job 1 is gone$/,
    );
    writeEnd(node('n1'), { atMs: at('10:04:00'), why: 'it was told to end' });
    expect(await asked([{ block: block('b1', 1), state: ended('1', 'GONE') }])).toContain('10:04:00');
  });

  test('has not ended while a job lives that holds gateway or brokers; an extension counts for nothing', async () => {
    const gone = { block: block('b1', 3), state: ended('1', 'COMPLETED', at('10:02:00')) };
    const next = { id: '2', phase: 'running' as const, word: 'RUNNING', reason: '' };
    expect(await asked([gone, { block: block('b2', 3), state: next }])).toBeUndefined();
    expect(await asked([gone, { block: block('b2', 3), state: undefined }])).toBeUndefined();
    expect(await asked([gone, { block: block('b2', 0), state: next }])).toContain('its job 1 is completed');
  });

  test('whose scheduler does not answer is not said to have ended', async () => {
    const silent = () => Promise.reject(new PlatformError('unavailable', 'Slurm does not answer'));
    expect(await describeEnd(summary('slurm://', 'stopped'), silent)).toBeUndefined();
  });
});
