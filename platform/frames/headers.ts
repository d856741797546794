/** The JSON headers of frames. Short names on the hot ones: they are written and read once an event. */

/** A frame's header; its sender is a process of ours, so its shape is taken as given. */
export function readJson<T>(header: Uint8Array): T {
  return JSON.parse(Buffer.from(header.buffer, header.byteOffset, header.length).toString('utf8')) as T;
}

export interface HelloHeader {
  readonly instance: string;
}

export interface LoadHeader {
  readonly instance: string;
  readonly node: string;
  readonly function: string;
  readonly version: number;
  readonly digest: string;
  /** Which kind of function the host should expect in the artifact; a foreign process reads it, too. */
  readonly kind: FunctionKind;
  /** Path of the verified bundle or module; of the function's folder for a foreign process. */
  readonly artifact: string;
  /** The version's other files: path in the function's folder, and where the verified bytes lie. */
  readonly files: Readonly<Record<string, string>>;
  /** Path of the bundle's V8 code cache on this node, empty where there is none yet. */
  readonly codeCache: string;
  /** Only compile the bundle, run its top level, and answer with its code cache in a `codeCache` frame. */
  readonly codeCacheOnly?: true;
  readonly config: unknown;
  /** Values of the secrets that the manifest names. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly concurrency: number;
  /** Calls that one `handleBatch` may be given, and how long the first of them waits for others. */
  readonly batch: { readonly size: number; readonly waitMs: number };
  /** Where a large result may be left as a file; empty where results go through the socket. */
  readonly resultFolder: string;
  /** A result of more bytes becomes a claimed payload: its file is left for good. Absent where the agent cannot take it over. */
  readonly claimOver?: number;
  /** Memory that the instance may take, bytes. */
  readonly memoryBytes: number;
}

export type FunctionKind = 'typescript' | 'wasm' | 'process';

/** Header of a `call`. */
export interface CallHeader {
  /** Subject as users write it. */
  readonly s: string;
  /** The event's id. */
  readonly i: string;
  /** Stream sequence, 0 for an invocation. */
  readonly q: number;
  /** Time of the event, milliseconds since 1970. */
  readonly t: number;
  /** Attempt, from 1. */
  readonly a: number;
  /** Timeout in milliseconds from the start of the call. */
  readonly d: number;
  readonly h?: Record<string, string>;
  /** `traceparent` of what the call causes, where that is not the event's own. */
  readonly p?: string;
  /** A gathered event: its parts lie in a spool file. */
  readonly g?: SpoolHeader;
  /** A gather that is still open: its parts come in `part` frames. */
  readonly o?: { readonly key: string };
  /** The payload is claimed: it lies in a file, and the body is empty. */
  readonly c?: ClaimedHeader;
  /** The caller takes the answer in pieces (`chunk` frames). */
  readonly r?: true;
  /** The payload lies in this file of the node's memory, and the body is empty. */
  readonly f?: string;
  /** Bytes of the payload in that file. */
  readonly n?: number;
  /** They are being written, under this mark. */
  readonly w?: number;
}

/** A claimed payload, as an instance may read it. */
export interface ClaimedHeader {
  readonly path: string;
  readonly name: string;
  readonly bytes: number;
  readonly checksum: string;
}

export interface SpoolHeader {
  readonly path: string;
  readonly key: string;
  readonly reason: string;
  readonly counts: Record<string, number>;
  readonly missing: Record<string, number[]>;
  /** Of a window of time: from when to when, milliseconds since 1970. */
  readonly span?: readonly [number, number];
  /** Bytes of the JSON index (GatheredPart[]) at the start of the spool file. */
  readonly indexBytes: number;
}

/** One line of a spool's index. */
export interface GatheredPart {
  readonly kind: string;
  readonly index: number;
  readonly sequence: number;
  readonly offset: number;
  readonly length: number;
  readonly headers: Record<string, string>;
  /** Its payload is not in the spool but in this file. */
  readonly claim?: ClaimedHeader;
}

/** Header of a `part`; the body is its payload where neither `f` nor `c` is there. */
export interface PartHeader {
  readonly kind: string;
  readonly index: number;
  readonly headers: Record<string, string>;
  /** The payload lies in this file of the node's memory, until the part is taken. */
  readonly f?: string;
  /** Bytes of the payload in that file. */
  readonly n?: number;
  /** The payload is claimed: it lies in this file. */
  readonly c?: ClaimedHeader;
}

/** How the key was closed; with `error` there is nothing to be made of its parts. */
export interface PartsEndHeader {
  readonly reason: string;
  readonly counts: Record<string, number>;
  readonly missing: Record<string, number[]>;
  readonly error?: string;
}

/** Header of a `result` whose body lies in a file. */
export interface ResultFileHeader {
  /** Its number among the instance's files. */
  readonly file: number;
  /** Bytes at its start that are the result. */
  readonly length: number;
  /** It is left for good, and this is the result's checksum. */
  readonly checksum?: string;
}

/** One output of a `result` in the form `several`. */
export interface OutputHeader {
  readonly length: number;
  readonly subject?: string;
  readonly headers?: Record<string, string>;
}

export interface ErrorHeader {
  /** Of a call: failed, rejected, retry. Of a load: it failed, or what it brought is no function. */
  readonly kind: 'failed' | 'rejected' | 'retry' | 'load' | 'noFunction';
  readonly message: string;
  readonly stack: string;
  readonly retryAfterMs?: number;
}

/** What became of a member of a pack, where that is not one output. */
export type PackedResultHeader =
  | { readonly none: true }
  /** Their bytes follow each other in the payload. */
  | { readonly outputs: readonly OutputHeader[] }
  | { readonly error: ErrorHeader };

/** Header of a `run`: the instance has measured it, because its agent may read a result late. */
export interface RunHeader {
  /** When the handler began, milliseconds since 1970. */
  readonly t: number;
  /** How long it took. */
  readonly ms: number;
}

export interface LogHeader {
  readonly level: string;
  readonly call: string;
  /** Id of the trace; left off where there is none. */
  readonly trace?: string | undefined;
  /** No line, but so many that the instance has dropped. */
  readonly dropped?: number;
}

export interface PublishHeader {
  /** Numbers the publishes of an instance. */
  readonly token: number;
  readonly subject: string;
  readonly messageId: string;
  readonly headers: Record<string, string>;
}

export interface PublishedHeader {
  readonly token: number;
  /** Empty when the stream has stored it. */
  readonly error: string;
}

/** Header of a `state`: one operation on a key of the function's own state. */
export interface StateHeader {
  /** Numbers the operations of an instance. */
  readonly token: number;
  readonly operation: 'get' | 'set' | 'delete';
  readonly key: string;
  /** For `set` and `delete`: only if this is still the key's revision; 0: only if there is none. Left out: whatever is there. */
  readonly revision?: number;
  /** The change is of this event: `set` remembers it beside the value, `get` asks whether it is there. */
  readonly once?: string;
}

export interface StateAnswerHeader {
  readonly token: number;
  /** 0 where the key has no value. */
  readonly revision: number;
  /** Empty when it went well; `conflict` when the revision was another. */
  readonly error: string;
  /** Of a `get` that asked: the event's change is in the value. */
  readonly applied?: boolean;
}
