/** What became of a pilot, told from another machine: by its files and jobs behind ssh, or by the job that a file names. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PlatformError } from '#common';
import type { Connection } from '#model';
import { describeJobEnd, describeRemoteEnd } from '#pilot';
import { type CommandResult, type RunCommand, runHere } from '../../../platform/pilot/scheduler/index.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pilotfish-far-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const write = (path: string, contents: unknown) => {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), typeof contents === 'string' ? contents : JSON.stringify(contents));
};

function writePilot(pilot: string, resource: string): void {
  const record = { pilot, version: '1', resource, machine: 'login', createdAtMs: 1, nodes: [] };
  write(`pilots/${pilot}/pilot.json`, record);
  write(`pilots/${pilot}/nodes/n1/end.json`, { atMs: 1, why: 'its launcher got SIGTERM' });
  write(`pilots/${pilot}/blocks/b1/job`, '7\n');
  write(`pilots/${pilot}/blocks/b1/block.json`, {
    ...{ pilot, block: 'b1', resource, request: { nodes: 1 }, nodes: ['n1'], pilotDirectory: `/far/${pilot}` },
    ...{ stage: '/far/stage', storeBytes: 1, brokers: 1, pilotBrokers: 1, gateway: true, renew: false, createdAtMs: 1 },
  });
}

/** This machine stands in for the other one, but for its Slurm. */
const ssh =
  (squeue: string): RunCommand =>
  async (argv, limits) => {
    const command = argv.at(-1) ?? '';
    expect(argv.slice(0, 2)).toEqual(['ssh', '-o']);
    if (command.includes('--json')) return { code: 1, stdout: '', stderr: 'no JSON' } satisfies CommandResult;
    if (command.includes('squeue')) return { code: 0, stdout: squeue, stderr: '' };
    return await runHere(['/bin/sh', '-c', command], limits);
  };
const describeFar = (squeue: string, wanted?: string) =>
  describeRemoteEnd({ host: 'login', home }, wanted, ssh(squeue)).then((end) => end?.message);

describe('describeRemoteEnd()', () => {
  it("tells the scheduler's word and the launcher's, and keeps no copy", async () => {
    writePilot('p-7k2m', 'slurm://');
    expect(await describeFar('7|TIMEOUT|TimeLimit|N/A|2026-11-27T10:02:00\n')).toBe(
      'pilot p-7k2m ended at 2026-11-27T10:02:00.000Z: its job 7 is timeout, its launcher got SIGTERM',
    );
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('pilotfish-end-'))).toEqual([]);
  });

  it('says nothing of one whose job runs, nor of one without a scheduler', async () => {
    writePilot('p-7k2m', 'slurm://');
    expect(await describeFar('7|RUNNING|None|N/A|N/A\n', 'p-7k2m')).toBeUndefined();
    writePilot('p-aaaa', 'local://');
    expect(await describeFar('', 'p-aaaa')).toBeUndefined();
  });

  it('throws where no such pilot is', async () => {
    writePilot('p-7k2m', 'slurm://');
    await expect(describeFar('', 'p-zzzz')).rejects.toMatchObject({ code: 'not-found' });
    await expect(
      describeRemoteEnd({ host: 'login', home: join(home, 'none') }, undefined, ssh('')),
    ).rejects.toMatchObject({ code: 'not-found' });
  });

  it('writes nothing outside its copy, whatever the other machine prints', async () => {
    const printed = `../${home.split('/').at(-1)}/evil\nx\fpilots/../../evil\nx\f/etc/evil\nx\f`;
    const run: RunCommand = async () => ({ code: 0, stdout: printed, stderr: '' });
    await expect(describeRemoteEnd({ host: 'login', home }, undefined, run)).rejects.toMatchObject({
      code: 'not-found',
    });
    expect(readdirSync(home)).toEqual([]);
    expect(readdirSync(tmpdir())).not.toContain('evil');
  });
});

describe('describeJobEnd()', () => {
  const connection = { pilot: 'p-7k2m', job: { resource: 'slurm://', id: '7' } } as Connection;
  const asked = (states: () => Promise<ReadonlyMap<string, never>>) =>
    describeJobEnd(connection, () => ({ states }) as never).then((end) => end?.message);
  const answered = (state: object) => asked(async () => new Map([['7', state as never]]));

  it('tells when the job ended that the file names', async () => {
    expect(await answered({ phase: 'ended', word: 'TIMEOUT', endAtMs: Date.UTC(2026, 10, 27, 10) })).toBe(
      'pilot p-7k2m ended at 2026-11-27T10:00:00.000Z: its job 7 is timeout',
    );
  });

  it('does not call a job ended that is only not shown', async () => {
    expect(await answered({ phase: 'ended', word: 'GONE' })).toBe(
      'pilot p-7k2m does not answer, and slurm:// does not know its job 7 here (any more)',
    );
  });

  it('says nothing while the job lives, where nobody can be asked, and of a pilot without a job', async () => {
    expect(await answered({ phase: 'running', word: 'RUNNING' })).toBeUndefined();
    expect(
      await asked(() => Promise.reject(new PlatformError('not-found', '"squeue" is not on PATH'))),
    ).toBeUndefined();
    expect(await describeJobEnd({ pilot: 'p-7k2m' } as Connection)).toBeUndefined();
  });
});
