/** Wanted instance counts, explained. */
export { decide, type ScaleDecision, type ScaleMemory, type ScalePolicy, type ScaleSnapshot } from './decide.ts';
