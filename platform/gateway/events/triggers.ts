/** The triggers of all functions: where each one stands, and which are paused. */
import { nearestName, PlatformError } from '#common';
import type { ListTriggersResponse, PauseTriggerRequest, TriggerSummary } from '#proto';
import type { Registry, TriggerStates } from '#registry';
import { type TriggerLagOptions, triggerLag } from './trigger-lag.ts';

export interface TriggersOptions extends TriggerLagOptions {
  readonly registry: Registry;
  readonly triggerStates: TriggerStates;
  /** Where to POST to a path. */
  readonly urlOf: (path: string) => string;
}

export async function listTriggers(name: string, options: TriggersOptions): Promise<ListTriggersResponse> {
  const { registry, triggerStates, urlOf } = options;
  const functions = name === '' ? registry.list() : [registry.get(name)];
  const triggers = functions.flatMap((entry) => {
    const { spec } = registry.latest(entry.name);
    const ordered = spec?.order !== undefined;
    return (spec?.triggers ?? []).map(async (trigger): Promise<TriggerSummary> => {
      const { pausedAtMs } = triggerStates.get(entry.name, trigger.name);
      const lag = (await triggerLag(entry.name, trigger, { ...options, ordered })) ?? -1;
      const url = trigger.http ? urlOf(trigger.http.path) : '';
      return { function: entry.name, trigger, paused: pausedAtMs > 0, pausedAtMs, lag, url };
    });
  });
  return { triggers: await Promise.all(triggers) };
}

/** Returns false where it was so already. Throws `not-found`. */
export async function pauseTrigger(request: PauseTriggerRequest, options: TriggersOptions): Promise<boolean> {
  const { registry, triggerStates, clock } = options;
  const names = (registry.latest(request.function).spec?.triggers ?? []).map((trigger) => trigger.name);
  if (!names.includes(request.trigger)) {
    const near = nearestName(request.trigger, names);
    const hint = near ? `Did you mean "${near}"?` : `It has ${names.join(', ') || 'none'}.`;
    throw new PlatformError('not-found', `function "${request.function}" has no trigger "${request.trigger}"`, {
      hint,
    });
  }
  const { pausedAtMs } = triggerStates.get(request.function, request.trigger);
  if (pausedAtMs > 0 === request.paused) return false;
  await triggerStates.set(request.function, request.trigger, { pausedAtMs: request.paused ? clock.now() : 0 });
  return true;
}
