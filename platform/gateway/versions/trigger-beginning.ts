/**
 * Where a trigger begins (`from`) must be a place that the stream has. The server takes any: it would give nothing until a
 * sequence that lies ahead is reached, which may be never, and would take a time to come for now. Both without a word.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import { streams } from '#broker';
import { type Clock, formatCount, PlatformError } from '#common';
import type { FunctionSpec, TriggerStart } from '#proto';
import { beginsAlike } from '../events/trigger-stream.ts';

/** A time that somebody has written as "now" on a machine whose clock is ahead. */
const clockSkewMs = 60_000;

export interface StreamPlace {
  readonly lastSequence: number;
  readonly nowMs: number;
}

/** Throws `invalid` where a trigger that begins now, or begins anew, has nowhere to begin. */
export async function requireBeginnings(
  spec: FunctionSpec,
  before: FunctionSpec | undefined,
  { manager, clock }: { readonly manager: JetStreamManager; readonly clock: Clock },
): Promise<void> {
  const begin = spec.triggers.filter(
    (trigger) =>
      trigger.start && !before?.triggers.some((old) => old.name === trigger.name && beginsAlike(old, trigger)),
  );
  if (begin.length === 0) return;
  const { state } = await manager.streams.info(streams.events);
  const place = { lastSequence: state.last_seq, nowMs: clock.now() };
  for (const { name, start } of begin) {
    const problem = beginningProblem(start, place);
    if (problem) throw new PlatformError('invalid', `trigger "${name}" ${problem.what}`, { hint: problem.hint });
  }
}

export function beginningProblem(
  start: TriggerStart | undefined,
  { lastSequence, nowMs }: StreamPlace,
): { readonly what: string; readonly hint: string } | undefined {
  const at = start?.at;
  // The next one is a place, too: what a program has noted that has read to the end.
  if (at?.$case === 'sequence' && at.sequence > lastSequence + 1) {
    return {
      what: `begins at sequence ${at.sequence}, and the pilot's stream ends at ${lastSequence}`,
      hint: "Sequences are those of this pilot's stream: `pilotfish tail SUBJECT --from all` shows them. `from: new` begins with what comes next.",
    };
  }
  if (at?.$case === 'timeMs' && at.timeMs > nowMs + clockSkewMs) {
    const hours = Math.ceil((at.timeMs - nowMs) / 3_600_000);
    return {
      what: `begins at ${new Date(at.timeMs).toISOString()}, which is ${hours === 1 ? 'less than an hour' : formatCount(hours, 'hour')} ahead`,
      hint: 'A time is one of storing: what was stored since then is handled. `from: new` begins with what comes next.',
    };
  }
  return undefined;
}
