/** What of an HTTP request goes into an event: its body, bounded, and some of its headers. */
import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { messageOf, PlatformError } from '#common';
import { cloudEventPrefix, readCloudEvent } from '#sdk';
import type { HttpRoute } from './http-route.ts';

/** Besides those of CloudEvents, and a caller's own "x-" ones. */
const passedHeaders: ReadonlySet<string> = new Set(['content-type', 'traceparent', 'tracestate']);
const idempotencyPattern = /^[\x21-\x7e]{1,200}$/;

/** Throws `payload-too-large` as soon as the body is over its limit, `cancelled` when the caller goes away. */
export async function readRequestBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const tooLarge = () =>
    new PlatformError('payload-too-large', `the body is over the limit of ${bytesMax} bytes`, {
      hint: '`bodyMax` of the trigger sets the limit.',
    });
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof PlatformError ? error : new PlatformError('cancelled', messageOf(error), { cause: error });
  }
  return Buffer.concat(chunks);
}

/** The event's headers. Throws `invalid` for a CloudEvent that is none, or that is not in binary mode. */
export function eventHeaders(request: IncomingMessage, path: string): Record<string, string> {
  const headers: Record<string, string> = { 'Pilotfish-Path': path };
  for (const [name, value] of Object.entries(request.headers)) {
    const passed = passedHeaders.has(name) || name.startsWith(cloudEventPrefix) || name.startsWith('x-');
    if (passed && value !== undefined) headers[name] = [value].flat().join(', ');
  }
  const contentType = headers['content-type'] ?? '';
  if (contentType.startsWith('application/cloudevents')) {
    throw new PlatformError('invalid', 'a CloudEvent in structured or batched mode is not read', {
      hint: 'Send it in binary mode: attributes as ce- headers, the data as body.',
    });
  }
  if (headers['ce-specversion'] === undefined) return headers;
  // The binding's content type is an attribute like the others on NATS.
  const { 'content-type': datacontenttype, ...rest } = headers;
  const event = datacontenttype === undefined ? rest : { ...rest, 'ce-datacontenttype': encodeURI(datacontenttype) };
  try {
    readCloudEvent(event);
  } catch (error) {
    throw new PlatformError('invalid', messageOf(error), { cause: error });
  }
  return event;
}

/** The same request again has the same id where its caller, or its CloudEvent, says so: the stream stores it once. */
export function requestId(request: IncomingMessage, { functionName, trigger }: HttpRoute): string {
  const key = request.headers['idempotency-key'];
  const prefix = `http.${functionName}.${trigger.name}.`;
  if (typeof key === 'string') {
    if (idempotencyPattern.test(key)) return prefix + key;
    throw new PlatformError('invalid', 'the Idempotency-Key is not 1 to 200 printable characters without blanks');
  }
  const { 'ce-id': id, 'ce-source': source } = request.headers;
  if (typeof id !== 'string' || typeof source !== 'string') return prefix + randomUUID();
  return (
    prefix +
    createHash('sha256')
      .update(JSON.stringify([source, id]))
      .digest('base64url')
  );
}
