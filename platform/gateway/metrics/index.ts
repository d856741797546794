/** What is counted: usage-totals.ts, scan-totals.ts and user-totals.ts (a function's own) count on, totals-store.ts keeps that, exposition.ts writes it as monitoring reads it. */
export { expositionType } from './exposition.ts';
export { ScanTotals } from './scan-totals.ts';
export { TotalsStore } from './totals-store.ts';
export { UsageTotals } from './usage-totals.ts';
export { UserTotals } from './user-totals.ts';
