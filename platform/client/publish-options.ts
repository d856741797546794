/** What a source says of an event beside its subject and payload. */
export interface PublishOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream drops a second event with the same id (within two minutes). Default: a fresh one. */
  readonly id?: string;
  /** What the payload's bytes are, for whoever reads them: "u16", "f32" ... */
  readonly dtype?: string;
  /** Sides of the array, the slowest first. */
  readonly shape?: readonly number[];
}
