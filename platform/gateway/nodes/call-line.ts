/** The gateway's line of calls to one agent: one socket, dialled at the first call and again after it was lost. */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { messageOf, PlatformError, SlotMap } from '#common';
import {
  type Frame,
  FrameReader,
  FrameWriter,
  frameTypes,
  type LineCall,
  type LineHello,
  type LineOutcome,
  readJson,
} from '#frames';
import type { ErrorDetail, FunctionVersion } from '#proto';
import { fromErrorDetail, type Leaving } from '#rpc';

export interface CallLineOptions {
  readonly node: string;
  readonly token: string;
  readonly open: () => Socket;
}

export interface AgentCallOptions {
  readonly version: FunctionVersion;
  readonly payload: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly caller: Leaving;
  /** Given, the answer comes in pieces. */
  readonly onChunk?: ((chunk: Buffer) => void) | undefined;
  /** Since when it could have run. */
  readonly dueMs: number;
}

export interface AgentAnswer {
  readonly payload: Buffer;
  readonly instance: string;
  readonly cold: boolean;
  readonly durationMs: number;
  readonly headers: Record<string, string>;
}

interface OpenCall extends PromiseWithResolvers<AgentAnswer> {
  readonly onChunk: AgentCallOptions['onChunk'];
}

/** Calls in flight to one agent; more are refused at once rather than queued without end (R6). */
const openCallsMax = 4_096;
/** Payloads that the agent has not read yet (R6). */
const waitingBytesMax = 128 * 2 ** 20;

export class CallLine {
  readonly #options: CallLineOptions;
  readonly #calls = new SlotMap<number, OpenCall>();
  #line: { readonly socket: Socket; readonly writer: FrameWriter } | undefined;
  #nextId = 1;

  constructor(options: CallLineOptions) {
    this.#options = options;
  }

  get openCalls(): number {
    return this.#calls.size;
  }

  /** Rejects with the error that the agent names, or `unavailable` when the line was lost during the call. */
  async call({ version, payload, headers, timeoutMs, caller, onChunk, dueMs }: AgentCallOptions): Promise<AgentAnswer> {
    const { writer } = this.#dial();
    if (this.#calls.size >= openCallsMax || writer.bufferedBytes > waitingBytesMax) {
      throw new PlatformError('no-capacity', `node ${this.#options.node} has ${this.#calls.size} calls in flight`, {
        hint: 'Call again a little later.',
      });
    }
    const id = this.#nextId;
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1;
    const header: LineCall = {
      i: randomUUID(),
      f: version.function,
      d: version.digest,
      t: timeoutMs,
      ...(isEmpty(headers) ? {} : { h: headers }),
      ...(onChunk ? { r: true } : {}),
      ...(headers['traceparent'] === undefined ? {} : { w: dueMs }),
    };
    const outcome: OpenCall = { ...Promise.withResolvers<AgentAnswer>(), onChunk };
    writer.write(frameTypes.call, id, 0, JSON.stringify(header), payload);
    this.#calls.set(id, outcome);
    // Calls that come together leave together; one that is alone, as the last one was, has nobody to wait for.
    if (this.#calls.size === 1 && writer.framesBefore === 1) writer.flush();
    const stay = caller.whenGone(() => writer.write(frameTypes.cancel, id, 0, ''));
    try {
      return await outcome.promise;
    } finally {
      stay();
      this.#calls.delete(id);
    }
  }

  /** Ends the line; its calls fail. The next call dials again. */
  drop(why: string): void {
    const { socket } = this.#line ?? {};
    this.#line = undefined;
    socket?.destroy();
    const hint = 'The call may have run; call again if that does no harm.';
    for (const call of this.#calls.values())
      call.reject(new PlatformError('unavailable', `node ${this.#options.node} ${why}`, { hint }));
  }

  #dial(): { readonly socket: Socket; readonly writer: FrameWriter } {
    if (this.#line) return this.#line;
    const socket = this.#options.open();
    const line = { socket, writer: new FrameWriter(socket, setImmediate) };
    this.#line = line;
    const reader = new FrameReader((frame) => this.#receive(frame));
    const lose = (why: string) => {
      if (this.#line === line) this.drop(why);
    };
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        lose(messageOf(error));
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => lose('went away during the call'));
    const hello: LineHello = { token: this.#options.token };
    line.writer.write(frameTypes.hello, 0, 0, JSON.stringify(hello));
    return line;
  }

  #receive({ type, id, header, body }: Frame): void {
    const call = this.#calls.get(id);
    // A view of what was read, which nobody writes over.
    const payload = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    if (type === frameTypes.chunk) return call?.onChunk?.(payload);
    if (type === frameTypes.result) {
      const { n, c, m, h = {} } = readJson<LineOutcome>(header);
      return call?.resolve({ payload, instance: n, cold: c, durationMs: m, headers: h });
    }
    if (type !== frameTypes.error) throw new PlatformError('invalid', `sent a frame of unknown type ${type}`);
    call?.reject(fromErrorDetail(readJson<LineOutcome & { error: ErrorDetail }>(header).error));
  }
}

function isEmpty(headers: object): boolean {
  for (const _ in headers) return false;
  return true;
}
