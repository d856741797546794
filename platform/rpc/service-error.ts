/**
 * The border between our errors and gRPC's. On the wire: the status of the one error table, and the whole ErrorDetail in
 * the trailer `pilotfish-error-bin`, so that a client of any language can read code, hint and stack.
 */
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { type ErrorCode, errorCodes, isErrorCode, PlatformError } from '#common';
import { ErrorDetail } from '#proto';
import { errorMessageCharsMax, errorStackCharsMax } from './limits.ts';

export const errorTrailer = 'pilotfish-error-bin';

/** What travels of an error; shared with the answers of streams that carry errors inside. Causes stay at home. */
export function toErrorDetail(thrown: unknown): ErrorDetail {
  const error = PlatformError.from(thrown);
  return {
    code: error.code,
    fault: error.fault,
    retryable: error.retryable,
    message: cut(error.message, errorMessageCharsMax),
    hint: cut(error.hint, errorMessageCharsMax),
    stack: cut(error.foreignStack, errorStackCharsMax),
  };
}

/** The error that a peer described; an unknown code (a newer peer's) becomes `internal` and is named in the message. */
export function fromErrorDetail(detail: ErrorDetail, cause?: unknown): PlatformError {
  const known = isErrorCode(detail.code);
  return new PlatformError(
    known ? (detail.code as ErrorCode) : 'internal',
    known ? detail.message : `${detail.message} (code "${detail.code}", unknown to this version)`,
    { hint: detail.hint, foreignStack: detail.stack, ...(cause === undefined ? {} : { cause }) },
  );
}

/** Turns anything thrown into what grpc-js sends. */
export function toServiceError(thrown: unknown): ServiceError {
  const detail = toErrorDetail(thrown);
  const metadata = new Metadata();
  metadata.set(errorTrailer, Buffer.from(ErrorDetail.encode(detail).finish()));
  return Object.assign(new Error(detail.message), {
    code: errorCodes[detail.code as ErrorCode].grpc as status,
    details: detail.message,
    metadata,
  });
}

/** Turns what grpc-js throws into a PlatformError: by the trailer where there is one, else by the status. */
export function fromServiceError(thrown: unknown): PlatformError {
  if (!isServiceError(thrown)) return PlatformError.from(thrown);
  const trailer = thrown.metadata?.get(errorTrailer)[0];
  const detail = trailer instanceof Uint8Array ? trailer : undefined;
  return fromStatus(thrown.code, withoutRiddle(thrown.details || thrown.message), detail, thrown);
}

/** `detail` is the trailer's bytes. */
export function fromStatus(status: status, text: string, detail?: Uint8Array, cause?: unknown): PlatformError {
  if (detail) {
    try {
      return fromErrorDetail(ErrorDetail.decode(detail), cause);
    } catch {
      // Not ours after all: the status says what can be said.
    }
  }
  const { code, hint } = byStatus(status, text);
  return new PlatformError(code, text, { hint, ...(cause === undefined ? {} : { cause }) });
}

/** "No connection established. Last error: Error: connect ECONNREFUSED 10.0.0.1:4000. Resolution note: " */
function withoutRiddle(text: string): string {
  const [, why, address] = /^No connection established\..*connect (E[A-Z]+) (\S+?)\.? /.exec(text) ?? [];
  return address === undefined ? text : `nobody answers at ${address} (${why})`;
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number' && 'metadata' in thrown;
}

interface Reading {
  readonly code: ErrorCode;
  readonly hint: string;
}

const readings: Partial<Record<status, Reading>> = {
  [status.CANCELLED]: { code: 'cancelled', hint: '' },
  [status.INVALID_ARGUMENT]: { code: 'invalid', hint: '' },
  [status.DEADLINE_EXCEEDED]: { code: 'timeout', hint: 'Try again with a longer timeout.' },
  [status.NOT_FOUND]: { code: 'not-found', hint: '' },
  [status.ALREADY_EXISTS]: { code: 'conflict', hint: '' },
  [status.FAILED_PRECONDITION]: { code: 'conflict', hint: '' },
  [status.ABORTED]: { code: 'conflict', hint: '' },
  [status.PERMISSION_DENIED]: { code: 'permission-denied', hint: '' },
  [status.UNAUTHENTICATED]: { code: 'unauthenticated', hint: '' },
  [status.DATA_LOSS]: { code: 'corrupt', hint: '' },
  [status.UNIMPLEMENTED]: {
    code: 'internal',
    hint: 'The other side is of a different version: compare with "pilotfish version".',
  },
};

function byStatus(code: status, text: string): Reading {
  if (code === status.RESOURCE_EXHAUSTED) {
    return { code: /larger than/i.test(text) ? 'payload-too-large' : 'no-capacity', hint: '' };
  }
  if (code === status.UNAVAILABLE) {
    // A refused certificate looks like any lost connection to gRPC; only the text of the TLS layer tells them apart.
    return /certificate|self-signed|tlsv1 alert|tlsv13 alert|altname/i.test(text)
      ? { code: 'unauthenticated', hint: "The pilot's certificate and this connection file do not belong together." }
      : { code: 'unavailable', hint: 'Is the pilot up? See "pilotfish pilot list".' };
  }
  return readings[code] ?? { code: 'internal', hint: '' };
}

/** Half a character, a function's own or one that was cut in two, makes grpc-js throw where nobody can catch it. */
function cut(text: string, charsMax: number): string {
  return (text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}…`).toWellFormed();
}
