/**
 * Reads small messages out of what the server sends, each in one step. The client's own parser looks at every byte and makes
 * seven objects a message, three of them views; here it is the message and one line of text. What is no such message
 * goes to the client's parser as ever: PING, INFO, errors, large payloads, and what a subscription without callback gets.
 */
import { type Msg, type MsgHdrs, MsgImpl, type Parser, type ProtocolHandler } from '@nats-io/transport-node';
import { type HeaderPairs, headersOf, noPairs, pairsIn, readPairs } from './message-headers.ts';

/** The client reads them into memory made for the whole of them (`receiveInPlace`). */
const largeBytesMin = 128 * 2 ** 10;
/** Longer than any line of a server. */
const lineBytesMax = 2 ** 20;

const lineFeed = 10;
const letterH = 72;
const letterM = 77;
const noBytes = Buffer.alloc(0);

type Arguments = MsgImpl['_msg'];

/** A message whose parts become objects when they are asked for. */
class WholeMessage extends MsgImpl {
  readonly #chunk: Buffer;
  readonly #from: number;
  readonly #headerEnd: number;
  readonly #to: number;
  #data: Uint8Array | undefined;
  #headers: MsgHdrs | undefined;
  #pairs: HeaderPairs | undefined;

  // biome-ignore lint/complexity/useMaxParams: once an event; an object for the list would cost more than the list.
  constructor(line: Line, protocol: ProtocolHandler, chunk: Buffer, from: number) {
    super(noArguments, noBytes, protocol);
    this._subject = line.subject;
    this._reply = line.reply;
    this.#chunk = chunk;
    this.#from = from;
    this.#headerEnd = from + line.headerBytes;
    this.#to = from + line.bytes;
  }

  override get data(): Uint8Array {
    this.#data ??= this.#chunk.subarray(this.#headerEnd, this.#to);
    return this.#data;
  }

  override get headers(): MsgHdrs | undefined {
    if (this.#headerEnd === this.#from) return undefined;
    this.#headers ??= this.#readHeaders();
    return this.#headers;
  }

  /** Its headers as `decodeHeaders` gives them: the client makes a dozen objects of each. */
  get pairs(): HeaderPairs {
    if (this.#headerEnd === this.#from) return noPairs;
    this.#pairs ??= readPairs(this.#chunk.toString('utf8', this.#from, this.#headerEnd)) ?? pairsIn(headersOf(this));
    return this.#pairs;
  }

  override size(): number {
    return Buffer.byteLength(this._subject) + Buffer.byteLength(this._reply) + this.#to - this.#from;
  }

  #readHeaders(): MsgHdrs | undefined {
    const header = this.#chunk.subarray(this.#from, this.#headerEnd);
    return new MsgImpl({ ...noArguments, hdr: header.length }, header, this.publisher).headers;
  }
}

const noArguments: Arguments = { subject: noBytes, sid: 0, hdr: -1, size: 0 };

/** What the line in front of a message says, read anew for each: nobody keeps it. */
class Line {
  subject = '';
  reply = '';
  sid = 0;
  headerBytes = 0;
  /** Of headers and payload. */
  bytes = 0;

  /** "subject sid [reply] [headers] size". False for a line of another form. */
  read(text: string, hasHeaders: boolean): boolean {
    const subjectEnd = text.indexOf(' ');
    const sidEnd = text.indexOf(' ', subjectEnd + 1);
    const sizeAt = text.lastIndexOf(' ') + 1;
    if (subjectEnd < 1 || sidEnd < 0) return false;
    this.subject = text.slice(0, subjectEnd);
    this.sid = numberIn(text, subjectEnd + 1, sidEnd);
    this.bytes = numberIn(text, sizeAt, text.length);
    let replyEnd = sizeAt - 1;
    this.headerBytes = 0;
    if (hasHeaders) {
      const headersAt = text.lastIndexOf(' ', sizeAt - 2) + 1;
      this.headerBytes = numberIn(text, headersAt, sizeAt - 1);
      replyEnd = headersAt - 1;
    }
    this.reply = replyEnd > sidEnd ? text.slice(sidEnd + 1, replyEnd) : '';
    return this.sid >= 0 && this.headerBytes >= 0 && this.bytes >= this.headerBytes;
  }
}

/** -1 where anything but digits stands there. */
function numberIn(text: string, from: number, to: number): number {
  let number = from < to ? 0 : -1;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** Takes the place of `parser.parse`; the parser is new at each reconnect. */
export function readWholeMessages(protocol: ProtocolHandler, parser: Parser): void {
  const reader = new WholeMessages(protocol, parser.parse.bind(parser));
  parser.parse = (chunk) => reader.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
}

class WholeMessages {
  readonly #protocol: ProtocolHandler;
  readonly #parse: (bytes: Uint8Array) => void;
  readonly #line = new Line();
  /** The start of something that has not come whole. */
  #begun: Buffer = noBytes;
  /** Of what the client's parser is in the middle of. */
  #theirs = 0;

  constructor(protocol: ProtocolHandler, parse: (bytes: Uint8Array) => void) {
    this.#protocol = protocol;
    this.#parse = parse;
  }

  push(chunk: Buffer): void {
    let data = chunk;
    if (this.#begun.length > 0) {
      data = Buffer.concat([this.#begun, chunk]);
      this.#begun = noBytes;
    }
    let at = this.#passOn(data, 0);
    while (at < data.length) {
      const next = this.#readOne(data, at);
      if (next < 0) {
        this.#begun = data.subarray(at);
        return;
      }
      at = next;
    }
  }

  /** Where the next one starts; -1 where this one is not whole. */
  #readOne(data: Buffer, at: number): number {
    const lineEnd = data.indexOf(lineFeed, at);
    if (lineEnd < 0) {
      if (data.length - at > lineBytesMax) throw new Error('the server sent a line without an end');
      return -1;
    }
    const first = data[at];
    const hasHeaders = first === letterH;
    if (first !== letterM && !hasHeaders) return this.#pass(data, at, lineEnd + 1);
    const line = this.#line;
    const text = data.toString('utf8', at + (hasHeaders ? 5 : 4), lineEnd - 1);
    if (!line.read(text, hasHeaders)) return this.#pass(data, at, lineEnd + 1);
    const from = lineEnd + 1;
    const end = from + line.bytes + 2;
    if (line.bytes >= largeBytesMin) return this.#pass(data, at, end);
    if (end > data.length) return -1;
    const { subscriptions } = this.#protocol;
    const subscription = subscriptions.get(line.sid);
    if (!subscription?.callback || subscription.max !== undefined) return this.#pass(data, at, end);
    this.#protocol.inMsgs++;
    this.#protocol.inBytes += line.bytes;
    subscription.received++;
    // The client's type of a message leaves out that it may have no headers, and its own may not.
    subscription.callback(null, new WholeMessage(line, this.#protocol, data, from) as Msg);
    return end;
  }

  #pass(data: Buffer, at: number, end: number): number {
    this.#theirs = end - at;
    return this.#passOn(data, at);
  }

  #passOn(data: Buffer, at: number): number {
    if (this.#theirs === 0) return at;
    const end = Math.min(data.length, at + this.#theirs);
    this.#theirs -= end - at;
    this.#parse(data.subarray(at, end));
    return end;
  }
}
