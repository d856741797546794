/** A call whose answer comes in pieces: passed on as they come, held for a slow reader up to a bound (R6). */
import { formatBytes, PlatformError } from '#common';
import type { InvokeResponse, InvokeStreamRequest, InvokeStreamResponse } from '#proto';
import { leaving } from '#rpc';
import { type InvokeOptions, invoke } from './invoke.ts';

/** Pieces that the caller has not taken yet; the function cannot be held up from here, so the call ends. */
const waitingBytesMax = 32 * 2 ** 20;

export async function* invokeStream(
  { call }: InvokeStreamRequest,
  signal: AbortSignal,
  options: InvokeOptions,
): AsyncGenerator<InvokeStreamResponse, void, void> {
  if (!call) throw new PlatformError('usage', 'the request names no call');
  const tooSlow = new AbortController();
  const chunks: Buffer[] = [];
  let waitingBytes = 0;
  let wake = Promise.withResolvers<void>();
  let end: InvokeResponse | undefined;
  let failure: unknown;
  const onChunk = (chunk: Buffer) => {
    chunks.push(chunk);
    waitingBytes += chunk.length;
    if (waitingBytes > waitingBytesMax) tooSlow.abort();
    wake.resolve();
  };
  const done = invoke(call, leaving(AbortSignal.any([signal, tooSlow.signal])), options, { onChunk })
    .then(
      (response) => {
        end = response;
      },
      (error: unknown) => {
        failure = error;
      },
    )
    .finally(() => wake.resolve());
  while (!signal.aborted) {
    while (chunks.length > 0 && !tooSlow.signal.aborted) {
      const chunk = chunks.shift() as Buffer;
      waitingBytes -= chunk.length;
      yield { part: { $case: 'chunk', chunk } };
    }
    if (tooSlow.signal.aborted) throw readerTooSlow(call.function);
    if (failure) throw failure;
    if (end) {
      yield { part: { $case: 'end', end } };
      return;
    }
    wake = Promise.withResolvers<void>();
    if (chunks.length === 0 && !end && !failure) await Promise.race([wake.promise, done, aborted(signal)]);
  }
}

function readerTooSlow(functionName: string): PlatformError {
  return new PlatformError(
    'timeout',
    `${functionName} answers faster than it is read: ${formatBytes(waitingBytesMax)} are waiting`,
    { hint: 'Read faster, or have the function publish its results as events.' },
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}
