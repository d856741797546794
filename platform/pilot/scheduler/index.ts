/**
 * Batch systems: `scheduler.ts` is the port; `slurm.ts`, `sge.ts`, `pbs.ts` are pure dialects that `create-scheduler.ts` runs;
 * `ssh.ts` starts hosts by hand; `for-resource.ts` chooses by `--resource`; `job-script.ts` renders what runs on nodes.
 */
export { createScheduler, jobGone } from './create-scheduler.ts';
export { parseResource, type Resource, schedulerFor } from './for-resource.ts';
export { renderJobScript, renderNodeScript } from './job-script.ts';
export { pbs } from './pbs.ts';
export { parseQstat } from './pbs-output.ts';
export { type RunCommand, runHere, runThroughSsh, sshCommand } from './run-command.ts';
export type { CommandResult, Dialect, JobPhase, JobRequest, JobState, NodeRequest, Scheduler } from './scheduler.ts';
export { parseQstatXml, sge } from './sge.ts';
export { slurm } from './slurm.ts';
export { parseSqueueJson, parseSqueueText } from './slurm-output.ts';
export { createSshScheduler } from './ssh.ts';
