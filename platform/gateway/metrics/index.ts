/** What monitoring reads: usage-totals.ts counts on, families.ts names it, exposition.ts writes it, metrics-text.ts is all of it. */
export { expositionType } from './exposition.ts';
export { type MetricsOptions, metricsText } from './metrics-text.ts';
export { UsageTotals } from './usage-totals.ts';
