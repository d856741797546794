/** `npm run demo`: brings up a local pilot, runs the main job on it, shows what came out, leaves nothing behind. */
import { join } from 'node:path';
import { launcherCommand } from '#cli';
import { connectPilot } from '#client';
import { errorCodes, PlatformError } from '#common';
import { codeCacheDirectory, createAdapter, endPilot, resolveHome, type StartedPilot, startPilot } from '#pilot';
import { type DemoInput, openInputs } from './inputs.ts';
import { type MainJob, runMainJob } from './main-job.ts';
import { type DemoOptions, demoHelp, parseDemoOptions } from './options.ts';
import { type DemoResult, median, renderTable } from './report.ts';

const resource = 'local://';
/** Two slots a node: one for split, one for gridrec, on a machine of two cores. */
const slotsPerNode = 2;

const controller = new AbortController();
const note = (line: string) => process.stderr.write(`${line}\n`);
// The first signal cleans up, a second one does not wait for it: `pilotfish down --all` ends what is left then.
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => (controller.signal.aborted ? process.exit(130) : controller.abort()));
}
process.umask(0o077);
process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const options = parseDemoOptions(process.argv.slice(2));
    if (options === undefined) {
      process.stdout.write(demoHelp);
      return 0;
    }
    return await demo(options, await openInputs(options));
  } catch (error) {
    const { code, message, hint } = PlatformError.from(error);
    if (controller.signal.aborted) {
      note('interrupted: everything is cleaned up');
      return 130;
    }
    note(`error: ${message}${hint === '' ? '' : `\n${hint}`}`);
    return errorCodes[code].exit;
  }
}

async function demo(options: DemoOptions, inputs: readonly DemoInput[]): Promise<number> {
  const home = resolveHome(process.env);
  const pilot = await startPilot({
    home,
    resource,
    adapter: createAdapter(resource, launcherCommand(codeCacheDirectory(home))),
    nodes: options.nodes,
    slotsPerNode,
    waitReady: async (connection, nodes, timeoutMs) => {
      using client = connectPilot(connection);
      await client.waitReady(nodes, timeoutMs);
    },
    onPhase: ({ node, phase, ms }) =>
      note(`${String(ms).padStart(6)} ms  ${node === '' ? phase : `${node}: ${phase}`}`),
    signal: controller.signal,
  });
  note(`pilot ${pilot.pilot} is ready after ${(pilot.readyMs / 1_000).toFixed(2)} s`);
  try {
    return await runOn(pilot, options, inputs);
  } finally {
    await endPilot(pilot.directory, { hasten: new AbortController().signal });
    for (const { scan } of inputs) scan.close();
  }
}

async function runOn(pilot: StartedPilot, options: DemoOptions, inputs: readonly DemoInput[]): Promise<number> {
  using client = connectPilot(pilot.connection);
  const functions = join(import.meta.dirname, '..', 'functions');
  const job = await runMainJob({
    options,
    inputs,
    client,
    connection: pilot.connection,
    functions,
    signal: controller.signal,
    note,
  });
  const psnrs = job.writer.measure();
  const result = resultOf(job, pilot, inputs, psnrs);
  note('');
  (options.json ? note : (text: string) => process.stdout.write(`${text}\n`))(
    renderTable(result, job.writer.records, psnrs, job.watch.samples, options.out),
  );
  const failures = failuresOf(result, options);
  for (const failure of failures) note(`FAILED: ${failure}`);
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  return failures.length === 0 ? 0 : 1;
}

function resultOf(
  job: MainJob,
  pilot: StartedPilot,
  inputs: readonly DemoInput[],
  psnrs: readonly number[],
): DemoResult {
  const { records } = job.writer;
  const columns = records[0]?.columns ?? 0;
  return {
    scans: inputs.length,
    frames: job.frames,
    lost: job.lost.length,
    duplicates: job.duplicates,
    slices: records.length,
    shape: [columns, columns],
    centre: median(records.map(({ centre }) => centre)),
    seconds: job.seconds,
    framesPerSecond: job.frames / job.seconds,
    psnr: psnrs.length === 0 ? null : Math.min(...psnrs),
    instancesMax: job.watch.instancesMax,
    nodesUsed: new Set(records.map(({ node }) => node)).size,
    readySeconds: pilot.readyMs / 1_000,
    files: records.flatMap(({ files }) => files),
  };
}

function failuresOf(result: DemoResult, options: DemoOptions): string[] {
  const failures: string[] = [];
  if (result.lost > 0) failures.push(`${result.lost} frames lost`);
  if (result.duplicates > 0) failures.push(`${result.duplicates} doubles`);
  // One scan from a file may have fewer rows than there are nodes.
  if (options.input === undefined && options.nodes > 1) {
    if (result.nodesUsed < options.nodes) failures.push(`${result.nodesUsed} of ${options.nodes} nodes ran gridrec`);
    if (result.instancesMax < 2) failures.push(`only ${result.instancesMax} instance of gridrec`);
  }
  return failures;
}
