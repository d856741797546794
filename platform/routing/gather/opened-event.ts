/** The event at the opening of a key: what calls the function of a streaming gather (G13), JSON by reference to the stream. */
import { PlatformError } from '#common';
import { gatherHeaders } from './gather-event.ts';
import type { OpenedKey } from './open-key.ts';

interface OpenedEvent extends OpenedKey {
  readonly v: 1;
}

export function encodeOpenedEvent(opened: OpenedKey): Uint8Array {
  const event: OpenedEvent = { v: 1, ...opened };
  return Buffer.from(JSON.stringify(event));
}

export function openedHeaderPairs({ subject, trace = [] }: OpenedKey): [string, string][] {
  return [[gatherHeaders.subject, subject], ...trace.map(([name, value]): [string, string] => [name, value])];
}

/** Throws `corrupt` for what is not such an event of a version known here. */
export function decodeOpenedEvent(payload: Uint8Array): OpenedKey {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8'));
  } catch (error) {
    throw new PlatformError('corrupt', 'the event of an opened key is not JSON', { cause: error });
  }
  if (!isOpenedEvent(parsed))
    throw new PlatformError('corrupt', 'the event of an opened key is of an unknown version or form');
  return parsed;
}

function isOpenedEvent(value: unknown): value is OpenedEvent {
  if (typeof value !== 'object' || value === null) return false;
  const event = value as Partial<Record<keyof OpenedEvent, unknown>>;
  return (
    event.v === 1 &&
    typeof event.key === 'string' &&
    typeof event.subject === 'string' &&
    Number.isSafeInteger(event.first) &&
    Number.isSafeInteger(event.openedAt)
  );
}
