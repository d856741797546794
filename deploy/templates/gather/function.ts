// All parts of a scan at once: called when they are complete, or when no more have come for a while.
import { defineFunction } from 'pilotfish/sdk';

export default defineFunction({
  async handle(event, ctx) {
    if (!event.parts) return { parts: 0, bytes: 0 };
    let bytes = 0;
    // One part at a time is in memory.
    for await (const part of event.parts) bytes += part.data.length;
    ctx.log.info('gathered', { key: event.parts.key, reason: event.parts.reason });
    return { parts: event.parts.count, bytes };
  },
});
