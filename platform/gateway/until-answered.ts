/** Asks a broker that may still be electing its leaders. */
import { JetStreamApiError } from '@nats-io/jetstream';
import { type Clock, messageOf, PlatformError } from '#common';
import type { Logger } from '#telemetry';

export interface AnswerWait {
  readonly what: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const againMs = 250;
/** Three servers need up to 10 s to agree; after a cold start of a full disk, longer. */
const waitMsMax = 60_000;

/** Tries again until it works; what the broker refuses for good is thrown at once. */
export async function untilAnswered<T>(ask: () => Promise<T>, { what, clock, logger, signal }: AnswerWait): Promise<T> {
  const deadline = clock.monotonic() + waitMsMax;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (signal.aborted) throw new PlatformError('cancelled', `stopped waiting for ${what}`);
      if (isForGood(error) || clock.monotonic() > deadline) throw error;
      logger.info({ what, error: messageOf(error) }, 'the broker does not answer yet, asked again');
    }
    await clock.sleep(againMs, signal);
  }
}

/** 503 are "no quorum", "no leader", "starting", and 10005 "not enough servers yet"; anything else is about what was asked. */
function isForGood(error: unknown): boolean {
  if (!(error instanceof JetStreamApiError) || error.code === 10005) return false;
  // 10023, 10047: the store is too small.
  return error.status !== 503 || error.code === 10023 || error.code === 10047;
}
