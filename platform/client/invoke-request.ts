/** A call as the gateway takes it. */
import { formatBytes, PlatformError } from '#common';
import type { InvokeRequest } from '#proto';
import { invokePayloadBytesMax } from '#rpc';

export interface InvokeOptions {
  /** Number or alias; default "latest". */
  readonly version?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the function's own timeout. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Throws `payload-too-large` before anything is sent. */
export function invokeRequest(name: string, payload: Uint8Array, options: InvokeOptions): InvokeRequest {
  if (payload.byteLength > invokePayloadBytesMax) {
    const sizes = `${formatBytes(payload.byteLength)} (${payload.byteLength} bytes); the limit is ${formatBytes(invokePayloadBytesMax)}`;
    throw new PlatformError('payload-too-large', `the payload for "${name}" has ${sizes}`, {
      hint: 'Publish it as an event, or send a reference to a file that the nodes can read.',
    });
  }
  const { version = '', headers = {}, timeoutMs = 0 } = options;
  return {
    function: name,
    version,
    payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
    headers: { ...headers },
    timeoutMs,
  };
}
