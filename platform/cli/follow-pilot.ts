/**
 * Reads what a pilot goes on telling. Its gateway may die and come again, or move with a renewal: then it is looked up in the
 * pilot's files and asked again, so that whoever watches need not.
 */
import type { PilotClient } from '#client';
import { PlatformError, systemClock } from '#common';
import { explainEnd, openPilot } from './connection.ts';
import type { CliContext } from './context.ts';

/** A gateway is replaced in seconds; a pilot without one for this long has other troubles. */
const lostMsMax = 120_000;
const askAgainMs = 500;

/**
 * `read` is called again after a loss and goes on where it was; it says `heard` once the pilot has answered. Throws what goes
 * wrong before that, and what is no loss.
 */
export async function* followPilot<T>(
  context: CliContext,
  wanted: string | undefined,
  read: (pilot: PilotClient, heard: () => void) => AsyncIterable<T>,
): AsyncGenerator<T, void, void> {
  let known = false;
  let lostAt: number | undefined;
  const heard = () => {
    known = true;
    lostAt = undefined;
  };
  while (!context.signal.aborted) {
    try {
      await using opened = await openPilot(context, wanted);
      for await (const told of read(opened.pilot, heard)) {
        heard();
        yield told;
      }
      return;
    } catch (thrown) {
      const error = PlatformError.from(thrown);
      const now = systemClock.monotonic();
      if (lostAt === undefined) {
        if (!known || error.code !== 'unavailable')
          return await explainEnd(context, wanted, () => Promise.reject(error));
        lostAt = now;
        context.stderr.write('note: the gateway is gone; looking for it\n');
      } else if (error.code !== 'unavailable' || now - lostAt > lostMsMax)
        return await explainEnd(context, wanted, () => Promise.reject(error));
      await systemClock.sleep(askAgainMs, context.signal);
    }
  }
}
