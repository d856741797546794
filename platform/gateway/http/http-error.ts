/** What an error is in HTTP. */
import type { ErrorCode, PlatformError } from '#common';

const statuses: Readonly<Record<ErrorCode, number>> = {
  usage: 405,
  invalid: 400,
  'payload-too-large': 413,
  'not-found': 404,
  conflict: 409,
  unauthenticated: 401,
  'permission-denied': 403,
  timeout: 504,
  'function-timeout': 504,
  'no-capacity': 503,
  unavailable: 503,
  'function-failed': 502,
  'function-rejected': 422,
  'instance-lost': 502,
  'start-failed': 502,
  corrupt: 500,
  cancelled: 499,
  internal: 500,
};

export function httpStatus(code: ErrorCode): number {
  return statuses[code];
}

export function errorBody({ code, message, hint }: PlatformError): string {
  return `${JSON.stringify({ error: { code, message, hint } })}\n`;
}
