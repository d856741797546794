/** What an interrupted sender has stored: whoever presses Ctrl-C would have to read the stream to find out. */
import type { EventClient } from '#client';
import { untilAborted } from '#common';
import type { CliContext } from '../context.ts';
import type { Output } from '../output/output.ts';

/** What is under way is stored within milliseconds, where it can be. */
const lastMs = 1_000;

/** Settles like `sending`. Interrupted, it says how much is stored, "3 of 9 frames", before it throws. */
export async function sayWhatIsStored<T>(
  { signal }: CliContext,
  output: Output,
  sending: Promise<T>,
  { events, stored }: { readonly events: EventClient; readonly stored: () => string },
): Promise<T> {
  try {
    return await untilAborted(sending, signal);
  } catch (thrown) {
    if (signal.aborted) {
      await events.flush(AbortSignal.timeout(lastMs)).catch(() => undefined);
      output.note(`interrupted: ${stored()} stored`);
    }
    throw thrown;
  }
}
