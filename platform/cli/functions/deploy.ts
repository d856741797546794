/** `pilotfish deploy PATH`: bundles all functions first, so that a mistake in one deploys none; then uploads one by one. */
import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import type { Bundle } from '#bundle';
import type { CanaryOptions, PilotClient } from '#client';
import { formatBytes, formatCount, messageOf, PlatformError, untilAborted } from '#common';
import {
  type CommandFactory,
  type CommonOptions,
  durationBetween,
  flag,
  newCommand,
  outputOf,
  percentBetween,
} from '../command.ts';
import { withPilot } from '../connection.ts';
import { type CliContext, type ExitCode, interruptedExitCode, partialExitCode } from '../context.ts';
import type { ListView, Output } from '../output/output.ts';
import { bundleProject } from './bundle-project.ts';
import { nextCommand } from './next-command.ts';
import { secretNotes } from './secret-notes.ts';

interface DeployFlags extends CommonOptions {
  readonly canary?: number;
  readonly maxErrors?: number;
  readonly maxP99?: number;
  readonly skipTypes?: true;
}

interface Deployed {
  readonly name: string;
  readonly change: string;
  readonly version: number;
  readonly digest: string;
  readonly bytes: number;
}

const maxErrorsDefault = 5;

export const deployCommand: CommandFactory = (context, report): Command =>
  newCommand({
    name: 'deploy',
    summary: 'bundle functions and make them the latest version',
    examples: [
      'pilotfish deploy functions/echo',
      'pilotfish deploy functions/echo/echo.ts',
      'pilotfish deploy . -o json',
      'pilotfish deploy . --skip-types',
      'pilotfish deploy . --canary 10 --max-errors 5 --max-p99 2s',
    ],
  })
    .argument('[path]', 'a folder with a pilotfish.yaml or one function, or a file', '.')
    .addOption(flag('--skip-types', 'do not look for type errors first'))
    .addOption(
      flag('--canary <percent>', 'give it so many of 100 calls and events, beside the latest version').argParser(
        percentBetween(1, 99),
      ),
    )
    .addOption(
      flag(
        '--max-errors <percent>',
        `withdraw the canary when more of 100 fail (default: ${maxErrorsDefault})`,
      ).argParser(percentBetween(0, 100)),
    )
    .addOption(
      flag('--max-p99 <duration>', 'withdraw the canary when its p99 is longer').argParser(
        durationBetween('1ms', '24h'),
      ),
    )
    .action(async (path: string, flags: DeployFlags) => report(await deploy(context, path, flags)));

async function deploy(context: CliContext, path: string, options: DeployFlags): Promise<ExitCode> {
  const output = outputOf(context, options);
  const canary = canaryOf(options);
  const bundles = await bundleProject(path, output, { ...options, signal: context.signal });
  return withPilot(context, options.pilot, async (pilot) => {
    const { done, failure } = await uploadAll(pilot, bundles, output, { canary, signal: context.signal });
    if (done.length > 0 || !failure) await output.list(done, deployedView);
    if (context.signal.aborted) return interrupted(output, done.length, bundles.length);
    if (failure && done.length === 0) throw failure;
    if (failure) {
      output.note(`error: ${done.length} of ${bundles.length} functions were deployed, then: ${failure.message}`);
      if (failure.hint) output.note(failure.hint);
      return partialExitCode;
    }
    for (const note of await secretNotes(
      pilot,
      bundles.flatMap(({ spec }) => spec.secrets),
    ))
      output.note(note);
    const [first] = bundles;
    if (first) output.note(`next: ${nextCommand(first.spec, bundles.length === 1 ? sampleBeside(path) : undefined)}`);
    return 0;
  });
}

/** The event to try it with, as `init` writes one beside the manifest. */
function sampleBeside(path: string): string | undefined {
  const folder = statSync(path).isDirectory() ? path : dirname(path);
  const sample = readdirSync(folder).find((file) => /^sample\.(?!(?:[cm]?[jt]s|py|wasm|ya?ml)$)\w+$/.test(file));
  return sample === undefined ? undefined : join(folder, sample);
}

/** The one on its way may have arrived. */
function interrupted(output: Output, done: number, all: number): ExitCode {
  output.note(`interrupted after ${done} of ${formatCount(all, 'function')}; pilotfish diff shows what is left`);
  return interruptedExitCode;
}

async function uploadAll(
  pilot: PilotClient,
  bundles: readonly Bundle[],
  output: Output,
  { canary, signal }: { readonly canary: CanaryOptions | undefined; readonly signal: AbortSignal },
): Promise<{ readonly done: readonly Deployed[]; readonly failure?: PlatformError }> {
  const done: Deployed[] = [];
  for (const [at, bundle] of bundles.entries()) {
    using _ = output.waiting(`deploying ${bundle.spec.name} (${at + 1} of ${bundles.length})`);
    try {
      const { version, change } = await untilAborted(pilot.deploy(bundle, canary), signal);
      done.push({
        name: bundle.spec.name,
        change,
        version: version?.number ?? 0,
        digest: version?.digest ?? bundle.digest,
        bytes: bundle.artifact.byteLength,
      });
    } catch (thrown) {
      const error = PlatformError.from(thrown);
      const failure = new PlatformError(error.code, `${bundle.spec.name}: ${messageOf(error)}`, {
        hint: error.hint,
        cause: error,
      });
      return { done, failure };
    }
  }
  return { done };
}

/** Throws `usage` for bounds without a canary: they would hold for nothing, and all of the work would go to the new version. */
function canaryOf({ canary, maxErrors, maxP99 }: DeployFlags): CanaryOptions | undefined {
  if (canary === undefined) {
    if (maxErrors === undefined && maxP99 === undefined) return undefined;
    throw new PlatformError('usage', '--max-errors and --max-p99 are bounds of a canary', {
      hint: 'Add --canary 10: the version is given that share, and is withdrawn where it does worse.',
    });
  }
  return {
    percent: canary,
    errorPercentMax: maxErrors ?? maxErrorsDefault,
    ...(maxP99 === undefined ? {} : { p99MsMax: maxP99 }),
  };
}

const deployedView: ListView<Deployed> = {
  columns: [
    { title: 'FUNCTION', text: ({ name }) => name },
    { title: 'CHANGE', text: ({ change }) => change },
    { title: 'VERSION', text: ({ version }) => String(version) },
    { title: 'DIGEST', text: ({ digest }) => digest.slice(0, 12) },
    { title: 'SIZE', text: ({ bytes }) => formatBytes(bytes) },
  ],
  name: ({ name }) => name,
  plain: (deployed) => deployed,
  empty: 'nothing to deploy',
};
