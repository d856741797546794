/**
 * NATS headers as bytes, written in one go: the client's own header object costs several times as much an event.
 * The client only ever calls encode() on what it is given (nats-core protocol.publish).
 */
import type { MsgHdrs } from '@nats-io/transport-node';
import { PlatformError } from '#common';

/** The header that JetStream drops doubles by. */
export const messageIdHeader = 'Nats-Msg-Id';
/** What a server says of a payload that it left out. */
export const bodySizeHeader = 'Nats-Msg-Size';

/** Header pairs, ready to publish. Throws `invalid` for a name or value that would break out of its line. */
export function encodeHeaders(pairs: Iterable<readonly [string, string]>): MsgHdrs {
  return encodedHeaders(`NATS/1.0\r\n${headerLines(pairs)}\r\n`);
}

/** The hot path: one id and constant lines that were checked when they were made (`headerLines`). */
export function encodeHeadersWithId(messageId: string, checkedLines: string): MsgHdrs {
  return encodedHeaders(`NATS/1.0\r\n${messageIdHeader}: ${messageId}\r\n${checkedLines}\r\n`);
}

/** Checked lines for `encodeHeadersWithId`. */
export function headerLines(pairs: Iterable<readonly [string, string]>): string {
  let lines = '';
  for (const [name, value] of pairs) {
    if (!headerName.test(name) || lineBreak.test(value)) {
      throw new PlatformError(
        'invalid',
        `header ${JSON.stringify(name)} has a name or value that headers cannot carry`,
        {
          hint: 'Names are printable ASCII without ":" and blanks; values have no line breaks.',
        },
      );
    }
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

const headerName = /^[\x21-\x39\x3b-\x7e]+$/;
const lineBreak = /[\r\n]/;

function encodedHeaders(text: string): MsgHdrs {
  return new EncodedHeaders(text) as unknown as MsgHdrs;
}

/** What a message carries in front of its payload, as the text that it is on the wire. */
export class EncodedHeaders {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  encode(): Uint8Array {
    return Buffer.from(this.text, 'utf8');
  }
}

/** Whatever has headers; the client reads them when they are asked for, and throws at names that it would not write. */
export interface WithHeaders {
  readonly headers?: MsgHdrs | undefined;
}

/** Undefined where there are none, or none that can be read: whoever may publish may send any bytes. */
export function headersOf(message: WithHeaders): MsgHdrs | undefined {
  try {
    return message.headers;
  } catch {
    return undefined;
  }
}

/** Headers of a received message as plain pairs, those that `encodeHeaders` would write; the last of repeated ones wins. */
export function decodeHeaders(message: WithHeaders): Readonly<Record<string, string>> {
  const headers: KnownHeaders | undefined = headersOf(message);
  if (headers === undefined) return none;
  // An event's are asked for two or three times on its way.
  headers[decoded] ??= pairsOf(headers);
  return headers[decoded];
}

const decoded = Symbol('decoded');
type KnownHeaders = MsgHdrs & { [decoded]?: Readonly<Record<string, string>> };
const none: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

function pairsOf(headers: MsgHdrs): Readonly<Record<string, string>> {
  const pairs: Record<string, string> = Object.create(null);
  for (const [name, values] of headers) {
    const value = values.at(-1) ?? '';
    if (headerName.test(name) && !lineBreak.test(value)) pairs[name] = value;
  }
  return pairs;
}
