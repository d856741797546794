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
    if (nameOf(name) === undefined || hasLineBreak(value)) {
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

/**
 * Names that have been found right, each as the one string that V8 keeps for a property: the same few come with every event, and a
 * name cut out of a text is looked up there each time. Bounded, for a source may make up names.
 */
const knownNames = new Map<string, string>();
const knownNamesMax = 1_000;
const knownCharsMax = 64;

/** The name as it may be a property; undefined for one that is none. */
function nameOf(text: string): string | undefined {
  const known = knownNames.get(text);
  if (known !== undefined) return known;
  if (!headerName.test(text)) return undefined;
  if (knownNames.size >= knownNamesMax || text.length > knownCharsMax) return text;
  const [name = text] = Object.keys({ [text]: true });
  knownNames.set(name, name);
  return name;
}

function hasLineBreak(value: string): boolean {
  return value.includes('\n') || value.includes('\r');
}

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

export type HeaderPairs = Readonly<Record<string, string>>;

/** Whatever has headers; the client reads them when they are asked for, and throws at names that it would not write. */
export interface WithHeaders {
  readonly headers?: MsgHdrs | undefined;
  /** Of a message that reads them by itself (`WholeMessage`). */
  readonly pairs?: HeaderPairs;
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
export function decodeHeaders(message: WithHeaders): HeaderPairs {
  return message.pairs ?? pairsIn(headersOf(message));
}

/**
 * Inherits nothing, so a header may be called `constructor`. An object of a class costs V8 a fraction of what one of
 * Object.create(null) does, which is a hash table from its first name on.
 */
class OwnPairs {
  [name: string]: string;
  static {
    Reflect.deleteProperty(OwnPairs.prototype, 'constructor');
    Object.setPrototypeOf(OwnPairs.prototype, null);
  }
}

export const noPairs: HeaderPairs = Object.freeze(new OwnPairs());

export function pairsIn(headers: KnownHeaders | undefined): HeaderPairs {
  if (headers === undefined) return noPairs;
  // An event's are asked for two or three times on its way.
  headers[decoded] ??= pairsOf(headers);
  return headers[decoded];
}

const decoded = Symbol('decoded');
type KnownHeaders = MsgHdrs & { [decoded]?: HeaderPairs };

function pairsOf(headers: MsgHdrs): HeaderPairs {
  const pairs = new OwnPairs();
  for (const [name, values] of headers) {
    const value = values.at(-1) ?? '';
    if (nameOf(name) !== undefined && !hasLineBreak(value)) pairs[name] = value;
  }
  return pairs;
}

const firstLine = 'NATS/1.0\r\n';

/** What `decodeHeaders` makes of such bytes, in one step; undefined for any that it takes more to read. */
export function readPairs(text: string): HeaderPairs | undefined {
  if (!text.startsWith(firstLine)) return undefined;
  const pairs = new OwnPairs();
  for (let at = firstLine.length; at < text.length; ) {
    const end = text.indexOf('\r', at);
    // Each alone is part of a value that headers cannot carry.
    if (end < 0 || text.indexOf('\n', at) !== end + 1) return undefined;
    const colon = text.indexOf(':', at);
    if (colon >= at && colon < end) {
      const name = nameOf(text.slice(at, colon));
      if (name === undefined) return undefined;
      pairs[name] = text.slice(colon + 1, end).trim();
    }
    at = end + 2;
  }
  return pairs;
}
