// Results of functions as events.
export { type Provenance, sliceOutput } from './slice-output.ts';
