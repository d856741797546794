/** What a function may return. */

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined };

/**
 * What the returned value becomes, as the answer of an invocation or as an event on the manifest's `output` subject:
 * - `undefined`: no event; an invocation's answer is empty
 * - `Uint8Array` or any other typed array: its bytes as they are
 * - `string`: its UTF-8
 * - `Output`: its data, on its own subject and with its own headers where given
 * - `outputs([...])`: one event each, in order, all stored before the event counts as done; an invocation answers with the first
 * - any other JSON value (null, numbers and plain arrays included): its JSON text
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler without a return statement is of type void.
export type FunctionResult = void | undefined | ArrayBufferView | JsonValue | Output | OutputList | object;

export interface OutputOptions {
  /** Replaces the manifest's `output` for this event. */
  readonly subject?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One event with its own subject or headers. */
export class Output {
  // Names survive the bundle's minifier as properties, unlike classes: the instance recognises results of any SDK copy.
  readonly pilotfish = 'output';
  readonly data: ArrayBufferView | JsonValue | undefined;
  readonly subject: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(data: ArrayBufferView | JsonValue | undefined, options: OutputOptions = {}) {
    this.data = data;
    this.subject = options.subject;
    this.headers = options.headers ?? {};
  }
}

export interface OutputList {
  readonly pilotfish: 'outputs';
  readonly items: readonly FunctionResult[];
}

/** Several events out of one call. A plain array would be one JSON value. */
export function outputs(items: readonly FunctionResult[]): OutputList {
  return { pilotfish: 'outputs', items };
}
