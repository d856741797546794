/** The event and the context that a handler is given. Parsed lazily: a handler that reads only `data` pays for no more. */
import { dtypeHeader, parseShape, shapeHeader } from '#claims';
import { isFileSubject, parseTraceparent, traceOf } from '#common';
import type { CallHeader, LoadHeader, LogHeader } from '#frames';
import {
  type ArrivedFile,
  type ClaimedPayload,
  type CloudEvent,
  type FunctionContext,
  type FunctionEvent,
  type FunctionIdentity,
  type FunctionLog,
  type FunctionState,
  type FunctionTrace,
  type Parts,
  type PublishOptions,
  readCloudEvent,
  type UserMetrics,
} from '#sdk';
import { HostFile } from './arrived-file.ts';
import { openClaimed, readClaimed } from './claimed-payload.ts';
import { SpooledParts } from './spooled-parts.ts';
import type { StreamedParts } from './streamed-parts.ts';

export class HostEvent implements FunctionEvent {
  readonly #call: LazyCall;
  #data: Uint8Array | undefined;

  /** Without data where it is claimed. */
  constructor(call: LazyCall, data: Uint8Array | undefined) {
    this.#call = call;
    this.#data = data;
  }

  get data(): Uint8Array {
    this.#data ??= this.#read();
    return this.#data;
  }
  get claim(): ClaimedPayload {
    const { c } = this.#call.header;
    // Only an event whose payload is claimed has one; the type says so by its question mark.
    return (c && { bytes: c.bytes, checksum: c.checksum }) as ClaimedPayload;
  }
  get dtype(): string {
    return this.headers[dtypeHeader] ?? '';
  }
  get shape(): readonly number[] {
    return parseShape(this.headers[shapeHeader]);
  }

  get subject(): string {
    return this.#call.header.s;
  }
  get id(): string {
    return this.#call.header.i;
  }
  get sequence(): number {
    return this.#call.header.q;
  }
  get time(): Date {
    return new Date(this.#call.header.t);
  }
  get headers(): Readonly<Record<string, string>> {
    return this.#call.header.h ?? {};
  }
  get cloudEvent(): CloudEvent | undefined {
    return readCloudEvent(this.headers);
  }
  get file(): ArrivedFile {
    // Only such an event has one; the type says so by its question mark.
    return (isFileSubject(this.subject) ? new HostFile(this.text()) : undefined) as ArrivedFile;
  }
  get parts(): Parts {
    if (this.#call.streamed) return this.#call.streamed;
    const { g } = this.#call.header;
    // Only a gathered event has parts; the type says so by its question mark.
    return (g === undefined ? undefined : new SpooledParts(g)) as Parts;
  }

  async open(): Promise<Uint8Array> {
    const { c } = this.#call.header;
    this.#data ??= c === undefined ? noPayload : await openClaimed(c);
    return this.#data;
  }

  text(): string {
    return Buffer.from(this.data.buffer, this.data.byteOffset, this.data.byteLength).toString('utf8');
  }

  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }

  #read(): Uint8Array {
    const { c } = this.#call.header;
    return c === undefined ? noPayload : readClaimed(c);
  }
}

const noPayload = new Uint8Array(0);

/** What a call needs of its host. */
export interface HostLink {
  readonly load: LoadHeader;
  readonly state: FunctionState & { ofEvent(eventId: string): FunctionState };
  readonly metrics: UserMetrics;
  log(line: LogHeader, message: string, fields?: Readonly<Record<string, unknown>>): void;
  publish(call: LazyCall, subject: string, data: Uint8Array | string, options: PublishOptions): Promise<void>;
}

/** One call: its header in bytes until somebody asks. */
export class LazyCall {
  readonly frameId: number;
  readonly receivedAt = Date.now();
  /** When its handler began, on the process's own clock; 0 before. */
  startedAt = 0;
  publishes = 0;
  /** Of a call that follows an open key. */
  streamed: StreamedParts | undefined;
  readonly #bytes: Uint8Array;
  #header: CallHeader | undefined;
  #abort: AbortController | undefined;
  #cancelled = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(frameId: number, headerBytes: Uint8Array) {
    this.frameId = frameId;
    this.#bytes = headerBytes;
  }

  get header(): CallHeader {
    this.#header ??= JSON.parse(
      Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length).toString('utf8'),
    ) as CallHeader;
    return this.#header;
  }

  /** Of what the call causes. */
  get traceHeaders(): Record<string, string> {
    const { p, h } = this.header;
    return { ...Object.fromEntries(traceOf(h)), ...(p === undefined ? {} : { traceparent: p }) };
  }

  get trace(): FunctionTrace | undefined {
    const { traceparent = '', tracestate = '' } = this.traceHeaders;
    const context = parseTraceparent(traceparent);
    return context && { ...context, traceparent, tracestate };
  }

  get deadline(): number {
    return this.receivedAt + this.header.d;
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController();
      if (this.#cancelled) this.#abort.abort();
      else this.#timer = setTimeout(() => this.cancel(), Math.max(0, this.deadline - Date.now()));
    }
    return this.#abort.signal;
  }

  get isCancelled(): boolean {
    return this.#cancelled;
  }

  cancel(): void {
    this.#cancelled = true;
    this.#abort?.abort();
    // Its handler may be waiting for a part.
    this.streamed?.end({ reason: 'open', counts: {}, missing: {}, error: 'the call was cancelled' });
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** What is the same for a call alone and for a batch. */
abstract class AnyContext {
  protected readonly link: HostLink;

  constructor(link: HostLink) {
    this.link = link;
  }

  get function(): FunctionIdentity {
    return identityOf(this.link.load);
  }
  get config(): Readonly<Record<string, unknown>> {
    return this.link.load.config as Record<string, unknown>;
  }
  get secrets(): Readonly<Record<string, string>> {
    return this.link.load.secrets;
  }
  get state(): FunctionState {
    return this.link.state;
  }
  get metrics(): UserMetrics {
    return this.link.metrics;
  }
}

export class HostContext extends AnyContext implements FunctionContext {
  readonly #call: LazyCall;
  #state: FunctionState | undefined;

  constructor(call: LazyCall, link: HostLink) {
    super(link);
    this.#call = call;
  }

  get log(): FunctionLog {
    return createLog(this.link, this.#call.header.i, this.#call.trace?.traceId);
  }
  /** A call without event comes once. */
  override get state(): FunctionState {
    const { i: id, q: sequence } = this.#call.header;
    this.#state ??= sequence > 0 ? this.link.state.ofEvent(id) : this.link.state;
    return this.#state;
  }
  get signal(): AbortSignal {
    return this.#call.signal;
  }
  get deadline(): number {
    return this.#call.deadline;
  }
  get attempt(): number {
    return this.#call.header.a;
  }
  get trace(): FunctionTrace | undefined {
    return this.#call.trace;
  }

  publish(subject: string, data: Uint8Array | string, options: PublishOptions = {}): Promise<void> {
    return this.link.publish(this.#call, subject, data, options);
  }
}

/** The context of several calls that are handled together: as strict as the strictest of them. */
export class BatchContext extends AnyContext implements FunctionContext {
  readonly #calls: readonly LazyCall[];
  #signal: AbortSignal | undefined;

  /** At least one call. */
  constructor(calls: readonly LazyCall[], link: HostLink) {
    super(link);
    this.#calls = calls;
  }

  get log(): FunctionLog {
    return createLog(this.link, '');
  }
  get signal(): AbortSignal {
    this.#signal ??= AbortSignal.any(this.#calls.map((call) => call.signal));
    return this.#signal;
  }
  get deadline(): number {
    return Math.min(...this.#calls.map((call) => call.deadline));
  }
  get attempt(): number {
    return Math.max(...this.#calls.map((call) => call.header.a));
  }
  /** Several events have several traces, and their headers tell them. */
  get trace(): undefined {
    return undefined;
  }

  /** Under the id of the batch's first event: give an own `id` where a retry must not double it. */
  publish(subject: string, data: Uint8Array | string, options: PublishOptions = {}): Promise<void> {
    const [first] = this.#calls;
    if (!first) throw new RangeError('a batch has at least one event');
    return this.link.publish(first, subject, data, options);
  }
}

export function identityOf(load: LoadHeader): FunctionIdentity {
  const { function: name, version, digest, instance, node } = load;
  return { name, version, digest, instance, node };
}

export function createLog(link: HostLink, call: string, trace?: string): FunctionLog {
  const at = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) =>
    link.log({ level, call, trace }, message, fields);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
