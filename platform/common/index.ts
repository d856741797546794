/** Errors, time, waiting and small quantities: what every floor above may use. */
export { type BackoffPolicy, backoffMs } from './backoff.ts';
export { type Clock, systemClock } from './clock.ts';
export { untilAborted, withDeadline } from './deadline.ts';
export { type ErrorCode, errorCodes, type Fault, isErrorCode } from './error-codes.ts';
export { gatewayPathsText, httpPathPattern, isGatewayPath } from './http-paths.ts';
export { borrowBuffer, giveBackBuffer } from './large-buffers.ts';
export { messageOf, PlatformError, type PlatformErrorOptions } from './platform-error.ts';
export {
  formatBytes,
  formatCount,
  formatDuration,
  formatTimes,
  parseDurationMs,
  parseSizeBytes,
} from './quantities.ts';
export { SlotMap } from './slot-map.ts';
export { nearestName } from './suggestion.ts';
export { formatTraceparent, parseTraceparent, type TraceContext, traceNames, traceOf } from './trace-context.ts';
export {
  cronSubject,
  fileSubject,
  httpSubject,
  isFileSubject,
  isPlatformSubject,
  platformSubjects,
} from './trigger-subject.ts';
export { platformVersion } from './version.ts';
