/** Writes a call's result as a frame; the usual single output without header costs no JSON. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { formatCount, PlatformError } from '#common';
import {
  type ErrorHeader,
  type FrameWriter,
  frameBytesMax,
  frameHeaderBytesMax,
  framePrefixBytes,
  frameTypes,
  type OutputHeader,
  type PackedResultHeader,
  resultForms,
  resultInFile,
} from '#frames';
import { encodePack, type PackMember } from '#packs';
import { type EncodedOutput, encodeResult, type FunctionResult, outputs } from '#sdk';
import type { ResultFiles } from './body-files.ts';
import type { LazyCall } from './call-context.ts';

/** Pieces that the agent has not taken yet; past it the generator waits (R6). */
const piecesAheadBytesMax = 4 * 2 ** 20;
const noPayload = new Uint8Array(0);
/** What a frame holds beside the longest header. */
const resultBytesMax = frameBytesMax - framePrefixBytes - frameHeaderBytesMax;

/** Throws when the result cannot be encoded or is over the frame's limit: the call then fails with that. */
export function sendResult(writer: FrameWriter, frameId: number, result: FunctionResult, files?: ResultFiles): void {
  if (result === undefined) return writer.write(frameTypes.result, frameId, resultForms.none, '');
  if (result instanceof Uint8Array) return sendSingle(writer, frameId, result, files);
  const encoded = encodeResult(result);
  const [only] = encoded;
  if (encoded.length === 1 && only && isPlain(only)) {
    return sendSingle(writer, frameId, only.data, files);
  }
  const headers = JSON.stringify(encoded.map(outputHeader));
  requireRoom(encoded, Buffer.byteLength(headers));
  const body = Buffer.concat(encoded.map((output) => output.data));
  writer.write(frameTypes.result, frameId, resultForms.several, headers, body);
}

/** In the words of who has written the function, who knows nothing of frames. */
function requireRoom(results: readonly { readonly data: Uint8Array }[], headerBytes: number): void {
  const bytes = results.reduce((sum, { data }) => sum + data.length, 0);
  if (bytes > resultBytesMax) {
    throw new PlatformError('payload-too-large', `the result has ${bytes} bytes; the most is ${resultBytesMax}`, {
      hint: 'Return it in several events, or write a file that all nodes see and return its name.',
    });
  }
  if (headerBytes <= frameHeaderBytesMax) return;
  const what = `subjects, headers and lengths of ${formatCount(results.length, 'output')} take ${headerBytes} bytes`;
  throw new PlatformError('payload-too-large', `${what}; the most of one call is ${frameHeaderBytesMax}`, {
    hint: 'Return fewer outputs, or publish some of them with ctx.publish.',
  });
}

export interface PackSink {
  readonly writer: FrameWriter;
  readonly frameId: number;
  readonly files: ResultFiles;
  readonly errorHeader: (error: Error) => ErrorHeader;
}

/** The results of a pack's members as one pack. Throws as `sendResult`. */
export function sendPacked(
  { writer, frameId, files, errorHeader }: PackSink,
  results: readonly (FunctionResult | Error)[],
): void {
  const pack = encodePack(results.map((result) => packedResult(result, errorHeader)));
  const left = files.put(pack);
  if (left) writer.write(frameTypes.result, frameId, resultForms.packed | resultInFile, JSON.stringify(left));
  else writer.write(frameTypes.result, frameId, resultForms.packed, '', pack);
}

function packedResult(result: FunctionResult | Error, errorHeader: PackSink['errorHeader']): PackMember {
  if (result instanceof Uint8Array) return { headers: '', payload: result };
  if (result === undefined) return described({ none: true });
  if (result instanceof Error) return described({ error: errorHeader(result) });
  try {
    const encoded = encodeResult(result);
    const [only] = encoded;
    if (encoded.length === 1 && only && isPlain(only)) return { headers: '', payload: only.data };
    return described({ outputs: encoded.map(outputHeader) }, Buffer.concat(encoded.map(({ data }) => data)));
  } catch (error) {
    return described({ error: errorHeader(error instanceof Error ? error : new Error(String(error))) });
  }
}

function described(header: PackedResultHeader, payload: Uint8Array = noPayload): PackMember {
  return { headers: JSON.stringify(header), payload };
}

function outputHeader(output: EncodedOutput): OutputHeader {
  return {
    length: output.data.length,
    ...(output.subject === undefined ? {} : { subject: output.subject }),
    ...(Object.keys(output.headers).length === 0 ? {} : { headers: output.headers }),
  };
}

function sendSingle(writer: FrameWriter, frameId: number, data: Uint8Array, files?: ResultFiles): void {
  if (data.length > resultBytesMax) requireRoom([{ data }], 0);
  const left = files?.leave(data) ?? files?.put(data);
  if (left) writer.write(frameTypes.result, frameId, resultForms.single | resultInFile, JSON.stringify(left));
  else writer.write(frameTypes.result, frameId, resultForms.single, '', data);
}

function isPlain(output: EncodedOutput): boolean {
  return output.subject === undefined && Object.keys(output.headers).length === 0;
}

export interface PiecesOptions {
  readonly writer: FrameWriter;
  readonly socket: Socket;
  readonly call: LazyCall;
  readonly pieces: AsyncIterable<FunctionResult>;
  /** The generator has given its last piece. */
  readonly ended: () => void;
}

/**
 * What a generator yields: a `chunk` frame each for a caller who takes pieces, else one result with all of them as outputs.
 * Rejects with what the generator throws, and when all together are over the frame's limit.
 */
export async function sendPieces({ writer, socket, call, pieces, ended }: PiecesOptions): Promise<void> {
  const collected: FunctionResult[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    if (call.header.r !== true) {
      for (const output of encodeResult(piece)) bytes += output.data.length;
      if (bytes > frameBytesMax)
        throw new RangeError(`the pieces of the answer are over ${frameBytesMax} bytes together`);
      collected.push(piece);
      continue;
    }
    for (const { data } of encodeResult(piece)) writer.write(frameTypes.chunk, call.frameId, 0, '', data);
    writer.flush();
    if (writer.bufferedBytes > piecesAheadBytesMax) await once(socket, 'drain');
    // Leaving the loop ends the generator, whose `finally` runs.
    if (call.isCancelled) throw new Error('the caller went away');
  }
  ended();
  sendResult(writer, call.frameId, call.header.r === true ? undefined : outputs(collected));
}
