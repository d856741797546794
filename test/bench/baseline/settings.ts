/** What a baseline loop is told. */
export interface BaselineSettings {
  readonly servers: readonly string[];
  readonly seed: string;
  readonly inbox: string;
  /** Its durable consumer on EVENTS. */
  readonly consumer: string;
}
