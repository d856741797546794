/** The bounds of a program's side, each with its reason. */

/** Small events: enough to cover a round trip of 10 ms at 60,000 events/s; more would only wait in the broker's memory. */
export const publishesInFlightMax = 1_024;

/** Large events: a 2 MiB frame a millisecond fills this in 32 ms; the server's buffer for one client is 256 MB. */
export const bytesInFlightMax = 64 * 2 ** 20;

/** A full stream drains at the speed of its functions. An event refused for this long is not waiting but stuck. */
export const refusedMsMax = 10 * 60_000;

/** Waits between tries of a refused publish. */
export const refusedBackoff = { minMs: 50, maxMs: 2_000 } as const;

/** How often publishes without an answer are looked for. */
export const lostCheckMs = 1_000;

/**
 * Beyond the timeout that the pilot keeps itself: an instance may have to be started first, for which an agent allows 25 s,
 * and the pilot's own answer says more than a deadline. A gateway that is gone is noticed by keepalive, in 8 s.
 */
export const answerMarginMs = 30_000;

/** Pauses before an upload that lost its connection is tried again: a gateway that was killed is back within a second. */
export const uploadAgainMs = [300, 1_500] as const;

/**
 * An invocation without a timeout of its own is bounded by the function's, which the pilot keeps. A deadline beyond that would
 * only have client and gateway set timers and write and read a header, once a call.
 */
export const unboundedMs = Number.POSITIVE_INFINITY;

/** Of the stream's bytes; the rest is kept for what functions publish. */
export const sourceShare = 0.9;
/** How often a source that waits for room looks again, and how long an answer holds. */
export const roomPollMs = 250;
export const roomAskAgainMs = 1_000;

/** A stream full of dead letters, given back or deleted one by one. */
export const bulkMsMax = 10 * 60_000;

/** From here on a payload goes into a file and the event names it: a hop of 2 MiB through the broker costs 3.5 ms, a reference 10 us. */
export const claimOverBytesDefault = 2 ** 20;
/** Files that one source writes at once: enough to keep a disk busy, few enough to bound what waits in memory. */
export const claimWritesAtOnce = 4;

/** An event above this gains little from a pack: its own cost is that of its bytes. */
export const packedBytesMax = 16 * 2 ** 10;
/** Payloads and headers of a pack: 256 events of half a kilobyte. */
export const packBytesMax = 128 * 2 ** 10;
/** The longest that an event waits for others. */
export const packWaitMs = 1;
/** Subjects with a pack begun; one more sends the oldest. */
export const openPacksMax = 256;
