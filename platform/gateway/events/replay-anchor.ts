/** When a replay plays what: its first event is due at once, the others as much later as they were recorded. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { eventSubject, streams } from '#broker';
import type { Clock } from '#common';
import type { Trigger } from '#proto';
import type { TriggerRecord } from '#registry';

export async function replayAnchor(
  manager: JetStreamManager,
  trigger: Trigger,
  clock: Clock,
): Promise<Pick<TriggerRecord, 'replayFromMs' | 'replayAtMs'>> {
  if (trigger.replaySpeed === 0) return { replayFromMs: 0, replayAtMs: 0 };
  const first = await firstEvent(manager, trigger);
  const now = clock.now();
  // Nothing is recorded: what is stored from now on comes at its own speed.
  return { replayFromMs: first?.time.getTime() ?? now, replayAtMs: now };
}

async function firstEvent(manager: JetStreamManager, { subject, start }: Trigger) {
  const at = start?.at;
  if (at?.$case === 'new') return undefined;
  const from =
    at?.$case === 'timeMs'
      ? (await manager.direct.getMessage(streams.events, { start_time: new Date(at.timeMs) }))?.seq
      : (at?.sequence ?? 1);
  if (from === undefined) return undefined;
  return manager.direct.getMessage(streams.events, { seq: from, next_by_subj: eventSubject(subject) });
}
