/** What is left of a start that was interrupted: nothing, or what could not be taken back. */
import { PlatformError } from '#common';
import type { CliContext } from '../context.ts';
import type { Output } from '../output/output.ts';

/** Settles like `starting`, which says `cancelled` once all is taken back. */
export async function sayWhatIsLeft<T>({ signal }: CliContext, output: Output, starting: Promise<T>): Promise<T> {
  try {
    return await starting;
  } catch (thrown) {
    const { code, message } = PlatformError.from(thrown);
    if (signal.aborted && code === 'cancelled') output.note('interrupted: nothing of the pilot is left');
    else if (signal.aborted)
      output.note(`interrupted, but not all could be taken back: ${message}; try pilotfish down --all`);
    throw thrown;
  }
}
