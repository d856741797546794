/** Job scripts say what was asked for, and no value can break out of its line or its quotes. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  type JobRequest,
  parseResource,
  pbs,
  renderJobScript,
  sge,
  slurm,
} from '../../../platform/pilot/scheduler/index.ts';
import { shellQuote } from '../../../platform/pilot/scheduler/shell-text.ts';
import { fc } from '../../harness/properties.ts';

const full: JobRequest = {
  name: 'p-abcd-b1',
  directory: '/shared/b1',
  outputFile: '/shared/b1/output.log',
  nodeScript: '/shared/b1/node.sh',
  nodes: 3,
  coresPerNode: 8,
  memoryPerNodeBytes: 2 * 2 ** 30,
  walltimeMs: 90 * 60_000,
  queue: 'short',
  project: 'phys123',
  directives: ['--exclude=n7'],
  environment: { OMP_NUM_THREADS: '1' },
  modules: ['gcc/13'],
};

describe('renderJobScript()', () => {
  it('for Slurm', () => {
    expect(
      renderJobScript(slurm, { ...full, gpusPerNode: 2, qos: 'high', reservation: 'r1', constraint: 'ib' }),
    ).toBe(`#!/bin/bash
#SBATCH --job-name=p-abcd-b1
#SBATCH --chdir=/shared/b1
#SBATCH --output=/shared/b1/output.log
#SBATCH --open-mode=append
#SBATCH --nodes=3
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=2048M
#SBATCH --gres=gpu:2
#SBATCH --time=1:30:00
#SBATCH --no-kill
#SBATCH --requeue
#SBATCH --partition=short
#SBATCH --account=phys123
#SBATCH --reservation=r1
#SBATCH --qos=high
#SBATCH --constraint=ib
#SBATCH --exclude=n7
date +%s.%N > /shared/b1/started
echo "\${SLURM_JOB_ID:-\${JOB_ID:-$PBS_JOBID}}" > /shared/b1/own-job
type module >/dev/null 2>&1 || . /etc/profile
module load gcc/13 || exit 1
export OMP_NUM_THREADS=1
srun --ntasks-per-node=1 --cpus-per-task="\${SLURM_CPUS_PER_TASK:-\${SLURM_CPUS_ON_NODE:-1}}" --mem=0 \\
  --no-kill --kill-on-bad-exit=0 --wait=0 /bin/sh -c 'exec /bin/sh "$0" "$SLURM_NODEID"' /shared/b1/node.sh
`);
  });

  it('for Grid Engine, which has names of its own for the rest', () => {
    const text = renderJobScript(sge('mpi'), full);
    for (const line of ['#$ -pe mpi 3', '#$ -l h_rt=1:30:00', '#$ -q short', '#$ -P phys123', '#$ -l mem_free=2048M'])
      expect(text.split('\n')).toContain(line);
    expect(() => renderJobScript(sge(), { ...full, qos: 'high' })).toThrow(/no --qos/);
  });

  it('for PBS in both dialects', () => {
    const open = renderJobScript(pbs('openpbs'), { ...full, gpusPerNode: 2 }).split('\n');
    for (const line of ['#PBS -l select=3:ncpus=8:mem=2048mb:ngpus=2', '#PBS -l walltime=1:30:00', '#PBS -P phys123'])
      expect(open).toContain(line);
    const torque = renderJobScript(pbs('torque'), full).split('\n');
    for (const line of ['#PBS -l nodes=3:ppn=8', '#PBS -A phys123', 'pbsdsh -u /bin/sh /shared/b1/on-node.sh'])
      expect(torque).toContain(line);
  });

  it.each([slurm, sge(), pbs('openpbs'), pbs('torque')])('refuses a line break in a value (%#)', (dialect) => {
    for (const more of [{ queue: 'a\n#SBATCH --x' }, { project: 'a\nb' }, { directives: ['a\nrm -rf /'] }])
      expect(() => renderJobScript(dialect, { ...full, ...more })).toThrow(/one line of text/);
  });
});

it('shellQuote() hands any text to a shell as one word', () => {
  const text = fc.string({ unit: 'binary', maxLength: 60 }).filter((value) => !value.includes('\0'));
  void fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (words) => {
      const printed = execFileSync('/bin/sh', ['-c', `printf '%s\\0' ${words.map(shellQuote).join(' ')}`]);
      expect(printed.equals(Buffer.from(`${words.join('\0')}\0`))).toBe(true);
    }),
    { numRuns: 40 },
  );
});

describe('parseResource()', () => {
  it.each([
    ['local://', { kind: 'local' }],
    ['slurm://', { kind: 'slurm', login: undefined }],
    ['slurm+ssh://me@login', { kind: 'slurm', login: 'me@login' }],
    ['sge://?pe=mpi', { kind: 'sge', settings: { pe: 'mpi' } }],
    ['pbs://?flavour=torque', { kind: 'pbs', settings: { flavour: 'torque' } }],
    ['ssh://a,b,c', { kind: 'ssh', hosts: ['a', 'b', 'c'] }],
  ] as const)('reads %s', (text, expected) => {
    expect(parseResource(text)).toMatchObject(expected);
  });

  it.each(['slurm://login', 'ssh://', 'ssh://-oProxyCommand=x', 'lsf://', 'pbs://?flavour=x', 'slurm://?pe=a', ''])(
    'refuses %s with what is supported',
    (text) => {
      expect(() => parseResource(text)).toThrow(expect.objectContaining({ code: 'usage' }));
    },
  );
});
