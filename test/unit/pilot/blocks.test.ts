/** Blocks as their files tell of them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BlockPlan, blockPaths, listBlocks } from '../../../platform/pilot/jobs/blocks.ts';

const madeAtMs = 1_000_000;
let pilot = '';

beforeEach(() => {
  pilot = mkdtempSync(join(tmpdir(), 'pilotfish-blocks-'));
});
afterEach(() => rmSync(pilot, { recursive: true, force: true }));

function makeBlock(block: string, files: Readonly<Record<string, string>>): void {
  const directory = join(pilot, 'blocks', block);
  const plan: BlockPlan = {
    pilot: 'p-abcd',
    block,
    resource: 'slurm://',
    request: { nodes: 1 },
    nodes: ['n1'],
    pilotDirectory: pilot,
    stage: '/shared/stage',
    storeBytes: 1,
    brokers: 0,
    pilotBrokers: 1,
    gateway: false,
    renew: false,
    createdAtMs: madeAtMs,
  };
  mkdirSync(directory, { recursive: true });
  writeFileSync(blockPaths(directory).plan, JSON.stringify(plan));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
}

const jobsAfter = (ms: number) => listBlocks(pilot, madeAtMs + ms).map(({ plan, job }) => [plan.block, job]);

describe('a block whose submission was cut short by a kill', () => {
  it('is waited for as long as a submission may take, and then is none: the next gateway asks again', () => {
    makeBlock('b1', { job: '41\n' });
    makeBlock('b2', {});
    expect(jobsAfter(10_000)).toEqual([
      ['b1', '41'],
      ['b2', undefined],
    ]);
    expect(jobsAfter(200_000)).toEqual([['b1', '41']]);
  });

  it('is one again when its job runs after all, and can be given back', () => {
    makeBlock('b2', { started: '1.5\n', 'own-job': '42\n' });
    expect(jobsAfter(200_000)).toEqual([['b2', '42']]);
  });
});
