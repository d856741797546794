/** One message on its way to the stream, and the checks before it may go. */
import { encodeHeadersWithId, headerLines, messageBytesMax, publishSubject } from '#broker';
import type { Claim } from '#claims';
import { formatBytes, PlatformError } from '#common';

export interface PublishEntry {
  /** As it is stored. */
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: ReturnType<typeof encodeHeadersWithId>;
  readonly startedAt: number;
  /** Of a payload that lies elsewhere, with the subject as users write it. */
  readonly claim: { readonly claim: Claim; readonly subject: string } | undefined;
  /** More than one in a pack. */
  readonly events: number;
  tries: number;
}

export interface PublishEntryOptions {
  /** As users write it. */
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly id: string;
  /** Headers, checked. */
  readonly pairs: readonly [string, string][];
  readonly claim?: Claim | undefined;
  readonly events: number;
  readonly startedAt: number;
}

/** Around a payload: headers and the subject. The broker counts them too. */
const envelopeBytes = 64 * 2 ** 10;
const idPattern = /^[\x21-\x7e]{1,256}$/;

/** Throws `invalid` for its subject, id or headers, `payload-too-large` for what no message can hold. */
export function publishEntry({ subject, payload, id, pairs, claim, ...rest }: PublishEntryOptions): PublishEntry {
  const stored = publishSubject(subject);
  if (payload.byteLength > messageBytesMax - envelopeBytes) {
    const sizes = `${formatBytes(payload.byteLength)}; the limit is ${formatBytes(messageBytesMax - envelopeBytes)}`;
    throw new PlatformError('payload-too-large', `the event for "${subject}" has ${sizes}`, {
      hint: 'Send it in pieces, or a reference to a file that the nodes can read.',
    });
  }
  if (!idPattern.test(id)) {
    throw new PlatformError('invalid', `${JSON.stringify(id)} is no event id`, {
      hint: 'Use 1 to 256 printable ASCII characters without blanks.',
    });
  }
  const headers = encodeHeadersWithId(id, headerLines(pairs));
  return { ...rest, subject: stored, payload, headers, claim: claim && { claim, subject }, tries: 0 };
}
