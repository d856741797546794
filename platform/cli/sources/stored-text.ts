/** How far a sender is, and why it does not get on where the stream has no room. */
import type { EventClient } from '#client';

/** `stored` is the amount: "7", "7 of 20 frames". */
export function storedText(stored: string, clients: readonly Pick<EventClient, 'counts'>[]): string {
  const isFull = clients.some(({ counts }) => counts.waiting > 0 && counts.sent === counts.acked);
  if (!isFull) return `${stored} stored`;
  return `${stored} stored; the stream is full, and takes more when functions have handled some of it or its time has come`;
}
