/** Where the consumer of a trigger reads, and where it begins. */
import {
  type ConsumerStart,
  consumerStart,
  eventSubject,
  gatherSubject,
  openedSubject,
  type StreamName,
  streams,
} from '#broker';
import type { Trigger } from '#proto';

/** Gathers and windows are handled once a group, by the event that says what is in it. */
export function triggerStream(trigger: Trigger): StreamName {
  return isCollected(trigger) ? streams.gathers : streams.events;
}

/** Stored subjects of what the trigger's consumer is given. */
export function triggerFilters(functionName: string, trigger: Trigger): string[] {
  if (trigger.gather?.streaming) return [openedSubject(functionName, trigger.name, '>')];
  if (isCollected(trigger)) return [gatherSubject(functionName, trigger.name, '>')];
  const narrowed = trigger.filter?.subjects ?? [];
  return (narrowed.length > 0 ? narrowed : [trigger.subject]).map(eventSubject);
}

export function triggerStart({ start }: Trigger): ConsumerStart {
  return consumerStart(start?.at ?? {});
}

/** True where two triggers of one name begin alike: a consumer that is there goes on. */
export function beginsAlike(one: Trigger, other: Trigger): boolean {
  const beginning = ({ start, replaySpeed }: Trigger) => JSON.stringify([start?.at, replaySpeed]);
  return beginning(one) === beginning(other);
}

/** Every message that a gatherer writes for the trigger. */
export function gatherFilters(functionName: string, trigger: string): string[] {
  return [gatherSubject, openedSubject].map((subject) => subject(functionName, trigger, '>'));
}

export function isCollected({ gather, window }: Pick<Trigger, 'gather' | 'window'>): boolean {
  return gather !== undefined || window !== undefined;
}
