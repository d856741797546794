/**
 * Events that wait at one trigger, or are being handled. The server counts messages, and a pack is one: how many events those
 * that wait hold is looked up in the headers of the first of them.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { consumerName, eventSubject, readLag, readOrderedLag, readStream, streams } from '#broker';
import type { Clock } from '#common';
import { describedMembers, packHeader } from '#packs';
import type { Trigger } from '#proto';
import { isCollected, triggerStream } from './trigger-stream.ts';

export interface TriggerLagOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly clock: Clock;
}

/** So many messages are looked at; the others are taken to be as full. */
const sampledMax = 64;
/** A broker that is slower is not waited for: its messages count as one event each. */
const sampleMsMax = 1_000;

/** Undefined where nobody says. `ordered`: of a function whose events stand in line, where a pack has been opened. */
export async function triggerLag(
  functionName: string,
  trigger: Trigger,
  { ordered, ...options }: TriggerLagOptions & { readonly ordered: boolean },
): Promise<number | undefined> {
  if (ordered) return (await readOrderedLag(options.manager, functionName, trigger.name))?.pending;
  const lag = await readLag(options.manager, triggerStream(trigger), consumerName(functionName, trigger.name));
  if (!lag) return undefined;
  const messages = lag.pending + lag.ackPending;
  if (messages === 0 || isCollected(trigger)) return messages;
  return Math.round(messages * (await eventsEach(trigger.subject, lag.ackFloor + 1, options)));
}

/** Events of a message, on average over the first ones from a sequence on. */
async function eventsEach(
  subject: string,
  sequence: number,
  { connection, clock }: TriggerLagOptions,
): Promise<number> {
  let messages = 0;
  let events = 0;
  const signal = AbortSignal.timeout(sampleMsMax);
  const filter = eventSubject(subject);
  try {
    const from = { sequence };
    const options = { connection, stream: streams.events, filter, from, headersOnly: true, untilCurrent: true, signal };
    for await (const { headers } of await readStream({ ...options, clock })) {
      events += membersOf(headers?.get(packHeader) ?? '');
      if (++messages === sampledMax) break;
    }
  } catch {
    // What was seen until now has to do.
  }
  return messages === 0 ? 1 : events / messages;
}

/** A pack that says nonsense is a dead letter, and that is one. */
function membersOf(pack: string): number {
  try {
    return pack === '' ? 1 : describedMembers(pack);
  } catch {
    return 1;
  }
}
