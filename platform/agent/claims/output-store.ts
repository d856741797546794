/** Stores what functions publish: small as an event, large as a file that the event names. */
import {
  type ClaimWriter,
  type EventPublisher,
  encodeHeadersWithId,
  headerLines,
  readPubAck,
  type Settled,
  userSubject,
} from '#broker';
import { type Claim, claimHeader, encodeClaim } from '#claims';
import { PlatformError } from '#common';
import type { LeftResult } from '../call.ts';

/** Where the manifest does not say: above it a copy through the broker costs more than any file system. */
export const claimOverBytesDefault = 8 * 2 ** 20;

export interface StoredOutput {
  /** As it is stored. */
  readonly subject: string;
  readonly data: Uint8Array;
  /** Instead of `data`; it is released once it is stored or cannot be. */
  readonly left?: LeftResult | undefined;
  readonly id: string;
  /** Checked header lines. */
  readonly lines: string;
}

const noPayload = new Uint8Array(0);

export class OutputStore {
  readonly #publisher: EventPublisher;
  readonly #claims: ClaimWriter;

  constructor(publisher: EventPublisher, claims: ClaimWriter) {
    this.#publisher = publisher;
    this.#claims = claims;
  }

  /** `settled` is told once, as by a publisher; no room for a file is `no-capacity`, and passes. */
  store(output: StoredOutput, settled: Settled, claimOverBytes = claimOverBytesDefault): void {
    const { subject, data, left, id, lines } = output;
    if (!left && data.length <= claimOverBytes) {
      this.#publisher.publish(subject, data, encodeHeadersWithId(id, lines), settled);
      return;
    }
    const written = left ? this.#claims.adopt(left).finally(left.release) : this.#claims.write(data);
    written.then(
      (claim) => {
        const claimed = lines + headerLines([[claimHeader, encodeClaim(claim)]]);
        this.#publisher.publish(subject, noPayload, encodeHeadersWithId(id, claimed), (error, answer) => {
          if (!error && answer) this.#note(claim, subject, answer);
          settled(error, answer);
        });
      },
      (error: unknown) => settled(PlatformError.from(error)),
    );
  }

  /** Again for a result that is stored a second time: its own file goes with the event that has the first one's. */
  #note({ place, name }: Claim, subject: string, answer: Uint8Array): void {
    this.#claims.note({ place, name, subject: userSubject(subject), sequence: readPubAck(answer).sequence });
  }
}
