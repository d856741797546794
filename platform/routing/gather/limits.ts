/** Bounds of a gather (design: G11) and why they are what they are. */

/** Parts of one key, and thereby the first index that is refused: a bitmap of 8 KiB a kind, a gather event far below 1 MiB. */
export const partsPerKeyMax = 65_536;

/** Kinds of parts in one key; a scan has three or four. Bounds the bitmaps of a key to 64 KiB. */
export const kindsPerKeyMax = 8;

/** Keys open at one trigger. With 1,024 keys of 65,536 parts a gatherer holds about 200 MB. */
export const openKeysMax = 1_024;

/** Largest gather event; the sequences of a full key take 175 KiB in the usual case and 440 KiB at worst. */
export const gatherEventBytesMax = 2 ** 20;

/** Ranges of missing indexes listed in all; a key that misses more is told by its counts, not index by index. */
export const missingRangesMax = 8_192;

/** Share of the stream that open keys may hold: above it no room would be left for the end markers that free it. */
export const openBytesShareMax = 0.5;

/** Closed keys remembered: their parts are late ones. Twice what a day of one close a second leaves is not needed. */
export const tombstonesMax = 65_536;

/** A key closed this long ago may be gathered anew. Equals the age at which its gather event leaves the stream. */
export const tombstoneMs = 24 * 3_600_000;

/**
 * A part that comes again this soon after its key closed complete is a double (a sender that missed a PubAck sends
 * again for 15 s); later, somebody uses the key a second time, and that must be told.
 */
export const doubleGraceMs = 30_000;
