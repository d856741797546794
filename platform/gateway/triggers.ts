/** The triggers of all functions: where each one stands, and which are paused. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { consumerName, readLag } from '#broker';
import { type Clock, nearestName, PlatformError } from '#common';
import type { ListTriggersResponse, PauseTriggerRequest, TriggerSummary } from '#proto';
import type { Registry, TriggerStates } from '#registry';
import { triggerStream } from './trigger-stream.ts';

export interface TriggersOptions {
  readonly registry: Registry;
  readonly triggerStates: TriggerStates;
  readonly manager: JetStreamManager;
  readonly clock: Clock;
  /** Where to POST to a path. */
  readonly urlOf: (path: string) => string;
}

export async function listTriggers(name: string, options: TriggersOptions): Promise<ListTriggersResponse> {
  const { registry, triggerStates, manager, urlOf } = options;
  const functions = name === '' ? registry.list() : [registry.get(name)];
  const triggers = functions.flatMap((entry) =>
    (registry.latest(entry.name).spec?.triggers ?? []).map(async (trigger): Promise<TriggerSummary> => {
      const { pausedAtMs } = triggerStates.get(entry.name, trigger.name);
      const lag = await readLag(manager, triggerStream(trigger), consumerName(entry.name, trigger.name));
      return {
        function: entry.name,
        trigger,
        paused: pausedAtMs > 0,
        pausedAtMs,
        lag: lag ? lag.pending + lag.ackPending : -1,
        url: trigger.http ? urlOf(trigger.http.path) : '',
      };
    }),
  );
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
