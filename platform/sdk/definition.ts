/** The shape of a function: what it exports, what it is given. */
import type { CloudEvent } from './cloud-event.ts';
import type { UserMetrics } from './metrics.ts';
import type { Parts } from './parts.ts';
import type { FunctionResult } from './results.ts';
import type { FunctionState } from './state.ts';

/** What a function's file exports by default. Exactly one of `handle` and `handleBatch`. */
export type FunctionDefinition = {
  /** Runs once in every instance, before its first event; an error keeps the instance from starting. */
  init?(ctx: InitContext): Promise<void> | void;
  /** Runs once when the instance stops; what it opened is closed here. */
  dispose?(): Promise<void> | void;
} & (
  | {
      /**
       * Handles one event. See `FunctionResult` for what the returned value becomes. An async generator (`async *handle`)
       * gives its answer in pieces: to a streaming caller as they come, to an event as one output each.
       */
      handle(
        event: FunctionEvent,
        ctx: FunctionContext,
      ): Promise<FunctionResult> | FunctionResult | AsyncIterable<FunctionResult>;
    }
  | {
      /**
       * Handles several events at once; returns one result an event, in order. An Error (Retry, Reject) in a place fails
       * that event only; one that is thrown fails them all. The context's `deadline` and `signal` are those of the
       * event that has least time left, its `attempt` is the highest, its log lines carry no call's id.
       */
      handleBatch(
        events: readonly FunctionEvent[],
        ctx: FunctionContext,
      ): Promise<readonly (FunctionResult | Error)[]> | readonly (FunctionResult | Error)[];
    }
);

/** Gives the definition its types; at run time it returns what it was given. */
export function defineFunction(definition: FunctionDefinition): FunctionDefinition {
  return definition;
}

export interface FunctionEvent {
  /**
   * The payload as it was published or sent. Gathered events carry theirs in `parts` and none here. A claimed one is read
   * from its file when it is asked for, and holds up the instance meanwhile: `open` does not.
   */
  readonly data: Uint8Array;
  /** The payload, wherever it lies. Rejects with `Reject` where a claimed one is gone or corrupt: the event is then a dead letter. */
  open(): Promise<Uint8Array>;
  /** Of a payload that lies in a file instead of the event. */
  readonly claim?: ClaimedPayload;
  /** What the source says of the payload's bytes ("u16", "f32"); "" where it says nothing. */
  readonly dtype: string;
  /** Sides of the array that the payload is, the slowest first; empty where the source does not say. */
  readonly shape: readonly number[];
  /** The payload as JSON; throws SyntaxError where it is none. */
  json<T = unknown>(): T;
  /** The payload as UTF-8. */
  text(): string;
  /** As the source wrote it; "" for an invocation. */
  readonly subject: string;
  /** Without the platform's own headers, but for `Pilotfish-Part`. */
  readonly headers: Readonly<Record<string, string>>;
  /** The same at every delivery of the event: good as a key for effects outside the pilot. */
  readonly id: string;
  /** Place in the stream; 0 for an invocation. */
  readonly sequence: number;
  /** When the stream stored it (server's time), or when the call arrived. */
  readonly time: Date;
  /**
   * The attributes of a CloudEvent in binary mode; undefined where the event is none. Throws `Reject` where it says that it
   * is one and is not valid.
   */
  readonly cloudEvent?: CloudEvent | undefined;
  /** The file that arrived, for a `files` trigger; its function may read the trigger's directory. */
  readonly file?: ArrivedFile;
  /** The collected parts, where the trigger gathers or has windows. */
  readonly parts?: Parts;
}

/** A reference: the bytes stay where they are. */
export interface ArrivedFile {
  readonly path: string;
  readonly name: string;
  /** When it arrived. */
  readonly bytes: number;
  readonly modified: Date;
  /** Its bytes, all or a part. Throws where the path leads to another file by now, or to a link. */
  read(offset?: number, length?: number): Promise<Uint8Array>;
}

export interface ClaimedPayload {
  readonly bytes: number;
  /** crc32:<8 hex digits>; has been checked once the payload is read. */
  readonly checksum: string;
}

export interface FunctionIdentity {
  readonly name: string;
  /** Number of the version, 1, 2, 3 in order of deployment. */
  readonly version: number;
  /** sha256 of its code and settings, hex: what a result was made by, for good. */
  readonly digest: string;
  readonly instance: string;
  readonly node: string;
}

/** Lines go to `pilotfish logs`, with the call's id; fields should be JSON. */
export interface FunctionLog {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface InitContext {
  readonly log: FunctionLog;
  readonly function: FunctionIdentity;
  /** The manifest's `config`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Values of the secrets that the manifest names; they are cut out of log lines and errors. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The function's own metrics, in the gateway's as `pilotfish_user_...`. */
  readonly metrics: UserMetrics;
}

export interface FunctionContext extends InitContext {
  /** Aborts when the timeout passes, the caller gives up, or the instance has to stop. */
  readonly signal: AbortSignal;
  /** When the timeout passes, milliseconds since 1970. */
  readonly deadline: number;
  /** 1 for the first try. */
  readonly attempt: number;
  /** The W3C trace that the call belongs to; undefined for an event without one, and for a batch. */
  readonly trace?: FunctionTrace | undefined;
  /** The function's own values by key, the same for all its instances. */
  readonly state: FunctionState;
  /** Publishes an event besides the result; resolves when the stream has stored it. */
  publish(subject: string, data: Uint8Array | string, options?: PublishOptions): Promise<void>;
}

/** For spans of the function's own, and for requests that it makes: their parent. Results and `publish` carry it anyway. */
export interface FunctionTrace {
  readonly traceId: string;
  readonly spanId: string;
  /** Whether spans of the trace are recorded. */
  readonly sampled: boolean;
  /** Values of the headers `traceparent` and `tracestate`; the latter is empty where there is none. */
  readonly traceparent: string;
  readonly tracestate: string;
}

export interface PublishOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream drops a second message with the same id. Default: the event's id and a count, so that a retry does not double. */
  readonly id?: string;
}
