/** An event as a program reads it. */
export interface StoredEvent {
  readonly subject: string;
  /** Empty where the payload is claimed (header `Pilotfish-Claim`): `payload` reads it. */
  readonly data: Uint8Array;
  /** Of the payload, wherever it lies. */
  readonly bytes: number;
  /** The publisher's own, and the platform's about a result's origin; the broker's are left out. */
  readonly headers: Readonly<Record<string, string>>;
  /** The message id that the publisher gave, "" for none. */
  readonly id: string;
  readonly sequence: number;
  /** Its place in the pack that the sequence names; absent for an event that is a message of its own. */
  readonly member?: number;
  /** When the stream stored it, the server's time. */
  readonly time: Date;
}
