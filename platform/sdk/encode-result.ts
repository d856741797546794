/** Turns what a function returned into bytes; run by the instance, which knows the SDK's classes only by their mark. */
import type { FunctionResult, Output, OutputList } from './results.ts';

export interface EncodedOutput {
  readonly data: Uint8Array;
  /** Undefined: the manifest's `output`. */
  readonly subject: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

const noHeaders: Readonly<Record<string, string>> = Object.freeze({});
const encoder = new TextEncoder();

/** None for undefined, one for a plain result, as many as there are for `outputs`. Throws TypeError for what JSON cannot say. */
export function encodeResult(result: FunctionResult): readonly EncodedOutput[] {
  if (result === undefined) return [];
  if (isMarked(result, 'outputs')) return (result as OutputList).items.flatMap(encodeResult);
  if (!isMarked(result, 'output')) return [{ data: encodeData(result), subject: undefined, headers: noHeaders }];
  const { data, subject, headers } = result as Output;
  return [{ data: data === undefined ? new Uint8Array(0) : encodeData(data), subject, headers }];
}

/** Bytes as they are, text as UTF-8, anything else as JSON. Throws TypeError for what JSON cannot say. */
export function encodeData(data: unknown): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (typeof data === 'string') return encoder.encode(data);
  const text = JSON.stringify(data);
  if (text === undefined) throw new TypeError(`A function cannot return a ${typeof data}: JSON has no such value`);
  return encoder.encode(text);
}

function isMarked(value: unknown, mark: string): boolean {
  return typeof value === 'object' && value !== null && 'pilotfish' in value && value.pilotfish === mark;
}
