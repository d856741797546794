/** The functions that a study measures, bundled before its first pilot is up: what does not bundle is told before anything is paid for. */
import { resolve } from 'node:path';
import type { Bundle } from '#bundle';
import { PlatformError, systemClock, untilAborted } from '#common';
import type { StudyCase } from './matrix.ts';

/** By what the study calls them: a folder, relative to its file. */
export type Processors = ReadonlyMap<string, Bundle>;

/** Throws `invalid` for a function that cannot be bundled, and for a folder that does not hold exactly one. */
export async function bundleProcessors(
  cases: readonly StudyCase[],
  folder: string,
  signal: AbortSignal,
): Promise<Processors> {
  const processors = new Map<string, Bundle>();
  for (const { experiment } of cases) {
    const { processor } = experiment;
    if (processor === undefined || processors.has(processor)) continue;
    const bundling = bundleOne(resolve(folder, processor), processor);
    await untilAborted(
      bundling.catch(() => undefined),
      signal,
    );
    // A Ctrl-C ends esbuild, too, and its failure is none: the signal may be heard after that.
    await systemClock.sleep(0);
    signal.throwIfAborted();
    processors.set(processor, await bundling);
  }
  return processors;
}

async function bundleOne(path: string, name: string): Promise<Bundle> {
  const { bundleFunction, readProject } = await import('#bundle');
  const [one, ...more] = readProject(path).functions;
  if (one && more.length === 0) return await bundleFunction(one);
  throw new PlatformError('invalid', `${name} must hold one function, it holds ${one ? more.length + 1 : 0}`);
}

/** What a case deploys: its settings, a fixed number of instances, and none of the events of earlier cases. */
export async function processorOf(
  { experiment, instances }: StudyCase,
  processors: Processors,
): Promise<Bundle | undefined> {
  const bundle = processors.get(experiment.processor ?? '');
  if (!bundle) return undefined;
  const { withSpec } = await import('#bundle');
  const { spec } = bundle;
  const config = { ...(JSON.parse(spec.configJson || '{}') as Record<string, unknown>), ...experiment.config };
  const scale = {
    drainTargetMs: 10_000,
    cooldownMs: 30_000,
    weight: 1,
    schedule: [],
    ...spec.scale,
    min: instances,
    max: instances,
  };
  const triggers = spec.triggers.map((trigger) => ({
    ...trigger,
    start: { at: { $case: 'new' as const, new: true } },
  }));
  return withSpec(bundle, { ...spec, scale, triggers, configJson: JSON.stringify(config) });
}
