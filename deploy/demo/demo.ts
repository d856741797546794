/** `npm run demo`: brings up a pilot, on this machine by default, runs the main job on it, shows what came out, leaves nothing behind. */
import { join } from 'node:path';
import { connectPilot } from '#client';
import { errorCodes, PlatformError } from '#common';
import { endPilot, resolveHome, type StartedPilot } from '#pilot';
import { bringUp } from './bring-up.ts';
import { type DemoInput, openInputs, prepareOut } from './inputs.ts';
import { type MainJob, runMainJob } from './main-job.ts';
import { type DemoOptions, demoHelp, parseDemoOptions } from './options.ts';
import { type DemoResult, median, renderTable } from './report.ts';

/** Two slots a node: one for split, one for gridrec, on a machine of two cores. */
const slotsPerNode = 2;

/** Time for running calls when the user does not want to wait. */
const interruptedGraceMs = 2_000;

/** By the first signal: what runs ends, and everything is taken down. */
const interrupted = new AbortController();
/** By the second: taking down waits for no running call any more. It is never left out. */
const hurried = new AbortController();
const note = (line: string) => process.stderr.write(`${line}\n`);
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt);
// Nobody reads any more (`npm run demo | head`): no reason to leave a pilot behind.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => interrupted.abort());
process.exitCode = await main();

function interrupt(): void {
  (interrupted.signal.aborted ? hurried : interrupted).abort();
}

async function main(): Promise<number> {
  let inputs: readonly DemoInput[] = [];
  try {
    const options = parseDemoOptions(process.argv.slice(2));
    if (options === undefined) {
      process.stdout.write(demoHelp);
      return 0;
    }
    inputs = await openInputs(options);
    prepareOut(options.out);
    return await demo(options, inputs);
  } catch (error) {
    if (isInterruption(error)) {
      note('interrupted: everything is cleaned up');
      return errorCodes.cancelled.exit;
    }
    const { code, message, hint, foreignStack } = PlatformError.from(error);
    note([`error: ${message}`, hint, foreignStack].filter((text) => text !== '').join('\n'));
    return errorCodes[code].exit;
  } finally {
    for (const { scan } of inputs) scan.close();
  }
}

/** Anything else that went wrong meanwhile, as a pilot that does not end, must be told. */
function isInterruption(error: unknown): boolean {
  if (!interrupted.signal.aborted) return false;
  return error === interrupted.signal.reason || PlatformError.from(error).code === 'cancelled';
}

async function demo(options: DemoOptions, inputs: readonly DemoInput[]): Promise<number> {
  const home = resolveHome(process.env);
  const pilot = await bringUp({
    home,
    resource: options.resource,
    nodes: options.nodes,
    slotsPerNode,
    env: process.env,
    onPhase: ({ node, phase, ms }) =>
      note(`${String(ms).padStart(6)} ms  ${node === '' ? phase : `${node}: ${phase}`}`),
    signal: interrupted.signal,
  });
  note(`pilot ${pilot.pilot} is ready after ${(pilot.readyMs / 1_000).toFixed(2)} s`);
  try {
    return await runOn(pilot, options, inputs);
  } finally {
    await end(pilot);
  }
}

async function end({ pilot, directory }: StartedPilot): Promise<void> {
  const { aborted } = interrupted.signal;
  // Where all is done already, the first signal is the one that hurries.
  const grace = aborted ? { hasten: hurried.signal, graceMs: interruptedGraceMs } : { hasten: interrupted.signal };
  try {
    await endPilot(directory, grace);
  } catch (error) {
    const { code, message } = PlatformError.from(error);
    throw new PlatformError(code, `pilot ${pilot} could not be ended: ${message}`, {
      hint: `Run \`pilotfish down ${pilot}\`.`,
      cause: error,
    });
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
    signal: interrupted.signal,
    note,
  });
  const psnrs = job.writer.measure();
  const result = resultOf(job, pilot, inputs, psnrs);
  note('');
  const details = { slices: job.writer.records, psnrs, samples: job.watch.samples, out: options.out };
  (options.json ? process.stderr : process.stdout).write(`${renderTable(result, details)}\n`);
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
  // Each row of a small scan is a chunk of its own; with fewer of them than nodes, some nodes have nothing to do.
  if (options.input === undefined && options.nodes > 1 && result.slices >= 2 * options.nodes) {
    if (result.nodesUsed < options.nodes) failures.push(`${result.nodesUsed} of ${options.nodes} nodes ran gridrec`);
    if (result.instancesMax < 2) failures.push(`only ${result.instancesMax} instance of gridrec`);
  }
  return failures;
}
