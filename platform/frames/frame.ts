/**
 * The frame: a 12-byte little-endian prefix, a JSON header, a raw body.
 *
 *   u32 length of everything after this field
 *   u32 id      of the call it belongs to, 0 for none
 *   u8  type
 *   u8  flags   (a result's form)
 *   u16 length of the JSON header, 0 for none
 */

export const framePrefixBytes = 12;

/** The largest event (16 MB in the broker's configuration) with its headers and room to spare. */
export const frameBytesMax = 20 * 2 ** 20;

/** What the prefix's u16 can say. */
export const frameHeaderBytesMax = 2 ** 16 - 1;

export const frameTypes = {
  /** spawner -> agent, the first frame on a new socket: which instance it belongs to. */
  hello: 1,
  /** agent -> instance: the function to load. */
  load: 2,
  /** instance -> agent: loaded, init() done. */
  ready: 3,
  call: 4,
  result: 5,
  error: 6,
  log: 7,
  /** agent -> instance: nobody waits for this call any more. */
  cancel: 8,
  /** agent -> instance: run dispose() and exit. */
  stop: 9,
  /** instance -> agent: ctx.publish(); the id is the call's, the header a PublishHeader. */
  publish: 10,
  /** agent -> instance: what became of it, a PublishedHeader. */
  published: 11,
  /** instance -> agent: a piece of a streamed answer; the id is the call's, a result or an error ends it. */
  chunk: 12,
  /** instance -> agent: an operation on ctx.state, a StateHeader. */
  state: 13,
  /** agent -> instance: what came of it, a StateAnswerHeader; the body is the value read. */
  stateAnswer: 14,
  /** instance -> agent: the V8 code cache of the bundle it was asked to compile. */
  codeCache: 15,
  /** instance -> agent, the first frame of a host: it has started and waits for its function. */
  waiting: 16,
  /** agent -> instance: the result in this file has been read; the id is the file's number. */
  taken: 17,
  /** instance -> agent: what `ctx.metrics` was given since the last one; the body is a list of MetricSamples in JSON. */
  metrics: 18,
  /** instance -> agent, before the result or error of the same id: when its handler began and how long it took, a RunHeader. */
  run: 19,
  /** agent -> instance: a part of a key that is open, a PartHeader; the id is that of the call that follows the key. */
  part: 20,
  /** agent -> instance: there are no more of them, a PartsEndHeader. */
  partsEnd: 21,
  /** instance -> agent: the handler has taken the oldest part that it was sent. */
  partTaken: 22,
} as const;
export type FrameType = (typeof frameTypes)[keyof typeof frameTypes];

/** Exit code of a host whose socket to the agent has ended. Node's own codes and the shell's are elsewhere. */
export const hostExitWithoutAgent = 79;

/** From this size on a body may travel as a file: below it the socket is as fast. */
export const bodyFileBytesMin = 256 * 2 ** 10;

/** Flags of a `call`: its payload is the frame's body, the start of the file that the header's `f` names, or claimed (`c`). */
export const callForms = { inline: 0, file: 1, claimed: 2 } as const;

/** Beside a call's form: the payload is a pack, whose members are handled in batches and answered together. */
export const callPacked = 4;

/** Beside a call's form: it follows a key that is open, whose parts come in frames of their own. */
export const callStreamed = 8;

/** A code cache's file ends with the SHA-256 of what is before it. */
export const codeCacheDigestBytes = 32;

/** Flags of a `ready`: what became of the bundle's code cache. V8 rejects what another V8, or another source, made. */
export const codeCacheUses = { none: 0, used: 1, rejected: 2 } as const;
export type CodeCacheUse = (typeof codeCacheUses)[keyof typeof codeCacheUses];

/** A handler that took less is not told in a `run`: most do, and a frame each would cost more than they. */
export const runToldMs = 0.25;

/** Beside a result's form: the header is a ResultFileHeader, the body lies in the file. */
export const resultInFile = 4;

/** Name of a result's file in the instance's scratch directory. */
export function resultFileName(file: number): string {
  return `result-${Math.trunc(file)}`;
}

/** Name of a result's file that is left for good. */
export function leftFileName(file: number): string {
  return `left-${Math.trunc(file)}`;
}

/** The flags of a `result`: what its body is. */
export const resultForms = {
  none: 0,
  /** The body is the one output. */
  single: 1,
  /** The header lists the outputs, whose bytes follow each other in the body. */
  several: 2,
  /** The body is a pack with one member for each of the call's; headers are a PackedResultHeader, none where the payload is the output. */
  packed: 3,
} as const;

export interface Frame {
  readonly type: number;
  readonly id: number;
  readonly flags: number;
  /** JSON text in UTF-8, empty for none. A view into the chunk it came in: keeping it keeps the chunk. */
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}
