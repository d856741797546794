/**
 * `pilotfish/sdk`: what a function's author imports. It is bundled into every function, so it holds types, three small
 * classes and nothing that needs a package.
 *
 *   import { defineFunction } from 'pilotfish/sdk';
 *   export default defineFunction({ handle: (event) => event.text().toUpperCase() });
 */
export type { CloudEvent } from './cloud-event.ts';
// Symbols below are for the platform, not for functions.
export { cloudEventHeaders, cloudEventPrefix, readCloudEvent } from './cloud-event.ts';
export type {
  ArrivedFile,
  ClaimedPayload,
  FunctionContext,
  FunctionDefinition,
  FunctionEvent,
  FunctionIdentity,
  FunctionLog,
  FunctionTrace,
  InitContext,
  PublishOptions,
} from './definition.ts';
export { defineFunction } from './definition.ts';
export { type EncodedOutput, encodeData, encodeResult } from './encode-result.ts';
export { type Failure, type FailureOptions, Reject, Retry, readFailure } from './failures.ts';
export { MetricBook } from './metric-book.ts';
export { type MetricKind, type MetricSample, metricBounds, metricName } from './metric-rules.ts';
export type {
  Counter,
  Gauge,
  Histogram,
  HistogramOptions,
  MetricLabels,
  MetricOptions,
  UserMetrics,
} from './metrics.ts';
export type { Part, Parts } from './parts.ts';
export { type FunctionResult, type JsonValue, Output, type OutputOptions, outputs } from './results.ts';
export {
  type FunctionState,
  StateConflict,
  type StateEntry,
  type StateUpdateOptions,
  type StateWriteOptions,
} from './state.ts';
