/** Upper bounds of the buckets in which calls' durations are counted, in milliseconds; one more bucket holds the rest. */
export const durationBoundsMs: readonly number[] = [
  0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000,
];
