/** What goes into a function under test, and what is seen of it. */
import type { Parts } from '../parts.ts';

export interface TestEvent {
  /** Bytes as they are, a string as UTF-8, anything else as JSON. Default: none. */
  readonly data?: unknown;
  /** "" (the default) for an invocation. */
  readonly subject?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly dtype?: string;
  readonly shape?: readonly number[];
  /** Default: test.1, test.2 ... */
  readonly id?: string;
  readonly sequence?: number;
  /** Default: the clock's. */
  readonly time?: Date;
  /** 1 for the first try. */
  readonly attempt?: number;
  /** Default: the tester's. */
  readonly timeoutMs?: number;
  /** Makes it a gathered event. */
  readonly parts?: readonly TestPart[];
  /** Why the gather closed; default "complete". */
  readonly reason?: Parts['reason'];
  readonly missing?: Readonly<Record<string, readonly number[]>>;
}

export interface TestPart {
  readonly kind: string;
  readonly index: number;
  readonly data: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TestOutput {
  readonly data: Uint8Array;
  /** Undefined: the manifest's `output`. */
  readonly subject: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** What became of one event. */
export type TestOutcome =
  | {
      readonly kind: 'done';
      readonly outputs: readonly TestOutput[];
      /** The first output, as an invocation's caller gets it; "" where there is none. */
      readonly text: string;
      json<T = unknown>(): T;
    }
  | { readonly kind: 'retry'; readonly afterMs: number | undefined; readonly error: unknown }
  | { readonly kind: 'reject'; readonly error: unknown }
  | { readonly kind: 'failed'; readonly error: unknown };

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** Id of the event; "" in `init` and in a batch. */
  readonly call: string;
}

export interface PublishedEvent {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly id: string;
}
