/** What monitoring reads: usage-totals.ts, scan-totals.ts and user-totals.ts (a function's own) count on, totals-store.ts keeps that, families.ts names it, exposition.ts writes it, metrics-text.ts is all of it. */
export { expositionType } from './exposition.ts';
export { type MetricsOptions, metricsText } from './metrics-text.ts';
export { ScanTotals } from './scan-totals.ts';
export { TotalsStore } from './totals-store.ts';
export { UsageTotals } from './usage-totals.ts';
export { UserTotals } from './user-totals.ts';
