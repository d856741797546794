/** A job that follows another: within the budget, told to those who look on, and given back together with it. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '#common';
import { createLogger } from '#telemetry';
import { Successors } from '../../../platform/gateway/jobs/successors.ts';
import { type Block, type BlockPlan, blockPaths, readBlock } from '../../../platform/pilot/jobs/blocks.ts';
import { openNodeProvider, startSuccessor } from '../../../platform/pilot/jobs/node-provider.ts';

let pilot: string;
beforeEach(() => {
  pilot = mkdtempSync(join(tmpdir(), 'pilotfish-successor-'));
  const bin = join(pilot, 'bin');
  mkdirSync(bin);
  // A Slurm that takes each job as number 9, lets it wait, and keeps a list of those that were taken back.
  const programs = {
    sbatch: 'echo 9',
    squeue:
      'case "$*" in *json*) exit 1;; esac; for id in 1 2; do echo "$id|RUNNING|None|N/A|N/A"; done; echo "9|PENDING|Priority|N/A|N/A"',
    scancel: `echo "$1" >> '${pilot}/cancelled'`,
  };
  for (const [name, does] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${does}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(pilot, { recursive: true });
});

const hourMs = 3_600_000;

/** A head of one node and an extension of two, an hour each, that have just begun. */
function makePilot(limits: object = {}): { readonly head: Block; readonly extension: Block } {
  const record = {
    pilot: 'p-abcd',
    version: '1',
    resource: 'slurm://',
    machine: 'm',
    createdAtMs: 1,
    nodes: [],
    limits,
  };
  writeFileSync(join(pilot, 'pilot.json'), JSON.stringify(record));
  return { head: makeBlock('b1', ['n1'], 1, '1'), extension: makeBlock('b2', ['n2', 'n3'], 0, '2') };
}

function makeBlock(block: string, nodes: readonly string[], brokers: number, job: string): Block {
  const directory = join(pilot, 'blocks', block);
  mkdirSync(directory, { recursive: true });
  for (const node of nodes) mkdirSync(join(pilot, 'nodes', node), { recursive: true });
  const plan: BlockPlan = {
    ...{ pilot: 'p-abcd', block, resource: 'slurm://', request: { nodes: nodes.length, walltimeMs: hourMs } },
    ...{ nodes: [...nodes], pilotDirectory: pilot, stage: '/shared/stage', storeBytes: 1, brokers, pilotBrokers: 1 },
    ...{ gateway: brokers > 0, renew: true, createdAtMs: Date.now() },
  };
  writeFileSync(blockPaths(directory).plan, JSON.stringify(plan));
  writeFileSync(blockPaths(directory).job, job);
  writeFileSync(blockPaths(directory).started, String(Date.now() / 1_000));
  const read = readBlock(directory);
  if (!read) throw new Error(`no block in ${directory}`);
  return read;
}

describe('startSuccessor()', () => {
  it('asks for a job like the one that it follows', async () => {
    const { extension } = makePilot({ nodeHoursMax: 5.1, nodesMax: 3 });
    const { plan, job } = await startSuccessor(extension, Date.now());
    expect({ job, follows: plan.follows, request: plan.request }).toEqual({
      ...{ job: '9', follows: 'b2', request: extension.plan.request },
    });
    expect(plan.nodes).toHaveLength(2);
  });

  it('asks for none past --node-hours, whether it is the first job or an extension', async () => {
    const { head, extension } = makePilot({ nodeHoursMax: 3.5 });
    for (const block of [head, extension])
      await expect(startSuccessor(block, Date.now())).rejects.toMatchObject({
        code: 'no-capacity',
        message: expect.stringMatching(/could use \d\.0 node-hours; --node-hours is 3\.5/),
      });
    expect(existsSync(join(pilot, 'blocks', 'b3'))).toBe(false);
  });
});

describe('an extension that is about to be followed', () => {
  it('goes back together with the job that would take its place, which is not given back alone', async () => {
    const { extension } = makePilot();
    const successor = await startSuccessor(extension, Date.now());
    const provider = openNodeProvider(pilot, systemClock);
    expect((await provider.jobs()).filter(({ spare }) => spare).map(({ block }) => block)).toEqual(['b2']);
    await provider.giveBack('b2');
    for (const { directory } of [extension, successor]) expect(existsSync(blockPaths(directory).stop)).toBe(true);
    expect(readFileSync(join(pilot, 'cancelled'), 'utf8')).toBe('9\n');
  });

  it('leaves its place to the other once its own job is to end', async () => {
    const { extension } = makePilot();
    const successor = await startSuccessor(extension, Date.now());
    writeFileSync(blockPaths(extension.directory).stop, '');
    const spare = (await openNodeProvider(pilot, systemClock).jobs()).filter((job) => job.spare);
    expect(spare.map(({ block }) => block)).toEqual([successor.plan.block]);
  });
});

describe('Successors', () => {
  const logger = createLogger({ pilot: 'p-abcd', node: 'n1', process: 'gateway' }, 'silent');
  const open = () => {
    const told: unknown[] = [];
    const clock = { ...systemClock, monotonic: () => now };
    let now = 0;
    const successors = new Successors({ happenings: { add: (...words) => void told.push(words) }, clock, logger });
    return { told, successors, after: (ms: number) => (now += ms) };
  };

  it('tell once why no job follows, and ask again later, not every second', async () => {
    const { extension } = makePilot({ nodeHoursMax: 3.5 });
    const { told, successors, after } = open();
    await successors.ask(extension);
    await successors.ask(extension);
    after(10_000);
    await successors.ask(extension);
    expect(told).toEqual([
      ['node', 'n2', expect.stringMatching(/^no job follows job 2: .*--node-hours is 3\.5/), 'warn'],
    ]);
    makePilot({ nodeHoursMax: 35 });
    await successors.ask(extension);
    expect(told).toHaveLength(1);
    after(10_000);
    await successors.ask(extension);
    expect(told.slice(1)).toEqual([['node', 'n2', 'job 9 is to follow job 2', 'info']]);
  });
});
