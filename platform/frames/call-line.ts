/**
 * The line of calls between gateway and agent: the frames of an instance, on one socket a node. The frame's id numbers the
 * call on its line. `hello` opens it, `call` and `cancel` go to the agent; `chunk`, `result` and `error` come back.
 */

export interface LineHello {
  readonly token: string;
}

/** Header of a `call`; short names, it is written and read once a call. The body is the payload. */
export interface LineCall {
  /** The call's id, unique in the pilot. */
  readonly i: string;
  readonly f: string;
  /** Digest of the version. */
  readonly d: string;
  /** Timeout in milliseconds. */
  readonly t: number;
  readonly h?: Readonly<Record<string, string>>;
  /** The caller takes the answer in pieces, as the function yields them. */
  readonly r?: true;
  /** Of a call with a trace: since when it could have run, milliseconds since 1970. */
  readonly w?: number;
}

/** Header of a `result`, whose body is the answer, and part of an `error`'s. */
export interface LineOutcome {
  /** Id of the instance, empty where none ran it. */
  readonly n: string;
  /** It had to be started for this call. */
  readonly c: boolean;
  /** Milliseconds from the call's arrival at the agent to its outcome. */
  readonly m: number;
  /** What the function said of its answer; left out where it said nothing. */
  readonly h?: Readonly<Record<string, string>>;
}
