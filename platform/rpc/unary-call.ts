/** One unary call on an HTTP/2 session, as gRPC writes it: a header, a message, the answer's message, and a status in the trailers. */
import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import { type MethodDefinition, status } from '@grpc/grpc-js';
import { PlatformError } from '#common';
import type { CallSettings } from './channel.ts';
import { callTimeoutMs, messageBytesMax, timerMsMax } from './limits.ts';
import { fromStatus } from './service-error.ts';
import { prefixBytes, UnaryAnswer } from './unary-answer.ts';

export type UnaryDefinition<Request, Response> = Pick<
  MethodDefinition<Request, Response>,
  'path' | 'requestSerialize' | 'responseDeserialize'
>;

/** A connection, and the name under which its peer is asked. */
export interface UnaryWay {
  readonly session: ClientHttp2Session;
  readonly authority: string;
}

/** Above this a message is not copied behind its prefix but written after it. */
const copiedBytesMax = 16 * 2 ** 10;

/** gRPC allows eight digits. */
const timeoutDigitsMax = 99_999_999;

/** Rejects with a PlatformError; the session may end at any time. */
export function unaryCall<Request, Response>(
  { session, authority }: UnaryWay,
  { path, requestSerialize, responseDeserialize }: UnaryDefinition<Request, Response>,
  request: Request,
  { timeoutMs = callTimeoutMs, signal }: CallSettings,
): Promise<Response> {
  const message = requestSerialize(request);
  if (message.length > messageBytesMax) return Promise.reject(tooLarge('a request', message.length));
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  // A list of names and values costs the least; the types do not know of it yet.
  const stream = session.request(headersOf(path, authority, timeoutMs) as unknown as Record<string, string>);
  const answer = new UnaryAnswer();
  const late = () => giveUp(status.DEADLINE_EXCEEDED);
  const timer = Number.isFinite(timeoutMs) ? setTimeout(late, Math.min(timeoutMs, timerMsMax)) : undefined;
  const cancel = () => giveUp(status.CANCELLED);
  let open = true;
  const end = () => {
    open = false;
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
  };
  // Whatever comes after the first outcome is not looked at: an error costs more to make than the rest of a call.
  const fail = (why: () => unknown) => {
    if (!open) return;
    end();
    reject(PlatformError.from(why()));
    if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
  };
  const giveUp = (code: status) => {
    const text = code === status.CANCELLED ? 'the call was cancelled' : `no answer within ${timeoutMs} ms`;
    fail(() => fromStatus(code, text));
  };
  const settle = (trailers: IncomingHttpHeaders) => {
    if (!open) return;
    try {
      const response = responseDeserialize(answer.read(trailers));
      end();
      resolve(response);
    } catch (thrown) {
      fail(() => thrown);
    }
  };
  // Node may tell of a message before its headers, and of trailers before the message.
  let trailers: IncomingHttpHeaders = {};
  stream.on('response', (headers, flags) => {
    answer.httpStatus = headers[':status'] ?? 0;
    if (!answer.fits) fail(() => tooLarge('an answer', answer.announcedBytes ?? 0));
    // An error needs no message: its status comes with the headers, which are the end.
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) settle(headers);
  });
  stream.on('data', (chunk: Buffer) => {
    answer.take(chunk);
    if (!answer.fits) fail(() => tooLarge('an answer', answer.announcedBytes ?? 0));
  });
  stream.on('trailers', (given) => {
    trailers = given;
    if (answer.isWhole) settle(trailers);
  });
  stream.on('error', (error) => {
    const text = session.destroyed ? `the connection was lost: ${error.message}` : error.message;
    fail(() => fromStatus(codeOf(session, stream), text, undefined, error));
  });
  stream.on('close', () => {
    if (answer.httpStatus !== 0 && stream.rstCode === constants.NGHTTP2_NO_ERROR && !session.destroyed)
      settle(trailers);
    else fail(() => fromStatus(codeOf(session, stream), 'the connection was lost before an answer came'));
  });
  if (signal?.aborted) cancel();
  else {
    signal?.addEventListener('abort', cancel, { once: true });
    write(stream, message);
  }
  return promise;
}

function headersOf(path: string, authority: string, timeoutMs: number): string[] {
  const headers = [':method', 'POST', ':scheme', 'https', ':authority', authority, ':path', path];
  headers.push('te', 'trailers', 'content-type', 'application/grpc', 'user-agent', 'pilotfish');
  if (Number.isFinite(timeoutMs)) headers.push('grpc-timeout', timeoutText(timeoutMs));
  return headers;
}

function timeoutText(timeoutMs: number): string {
  const ms = Math.max(0, Math.ceil(timeoutMs));
  return ms <= timeoutDigitsMax ? `${ms}m` : `${Math.min(timeoutDigitsMax, Math.ceil(ms / 1_000))}S`;
}

function write(stream: ClientHttp2Stream, message: Buffer): void {
  const small = message.length <= copiedBytesMax;
  const first = Buffer.allocUnsafe(prefixBytes + (small ? message.length : 0));
  first[0] = 0;
  first.writeUInt32BE(message.length, 1);
  if (small) {
    message.copy(first, prefixBytes);
    stream.end(first);
  } else {
    stream.write(first);
    stream.end(message);
  }
}

/** What a stream that ended without a status says (gRPC over HTTP/2, "Errors"). */
function codeOf(session: ClientHttp2Session, { rstCode }: ClientHttp2Stream): status {
  if (session.destroyed) return status.UNAVAILABLE;
  switch (rstCode ?? constants.NGHTTP2_NO_ERROR) {
    case constants.NGHTTP2_NO_ERROR:
    case constants.NGHTTP2_REFUSED_STREAM:
      return status.UNAVAILABLE;
    case constants.NGHTTP2_CANCEL:
      return status.CANCELLED;
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return status.RESOURCE_EXHAUSTED;
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return status.PERMISSION_DENIED;
    default:
      return status.INTERNAL;
  }
}

function tooLarge(what: string, bytes: number): PlatformError {
  return new PlatformError(
    'payload-too-large',
    `${what} of ${bytes} bytes is larger than a message may be (${messageBytesMax})`,
  );
}
