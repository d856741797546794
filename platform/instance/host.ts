/**
 * The host process of one instance: reads frames, runs at most `concurrency` calls at once, writes results.
 * It opens nothing but fd 3; when that ends, its agent is gone and it goes too.
 */
import { Socket } from 'node:net';
import { inspect } from 'node:util';
import { messageOf, PlatformError } from '#common';
import {
  type ErrorHeader,
  type Frame,
  FrameReader,
  FrameWriter,
  frameTypes,
  type LoadHeader,
  type LogHeader,
  type PublishedHeader,
  type PublishHeader,
} from '#frames';
import { type FunctionDefinition, type FunctionResult, type PublishOptions, readFailure } from '#sdk';
import { createLog, HostContext, HostEvent, type HostLink, identityOf, LazyCall } from './call-context.ts';
import { loadFunction } from './load-function.ts';
import { sendResult } from './send-result.ts';

/** A log line is cut to this before it leaves the process. */
const logCharsMax = 8_192;

/** Serves the socket on fd 3 until its end. */
export function runHost(): void {
  new Host(new Socket({ fd: 3, readable: true, writable: true }));
}

class Host implements HostLink {
  load: LoadHeader = {
    instance: '',
    node: '',
    function: '',
    version: 0,
    digest: '',
    kind: 'typescript',
    artifact: '',
    files: {},
    codeCache: '',
    config: {},
    secrets: {},
    concurrency: 1,
    batch: { size: 1, waitMs: 0 },
    memoryBytes: 0,
  };
  readonly #writer: FrameWriter;
  readonly #waiting: { call: LazyCall; body: Uint8Array }[] = [];
  readonly #running = new Map<number, LazyCall>();
  readonly #publishes = new Map<number, PromiseWithResolvers<void>>();
  #definition: FunctionDefinition | undefined;
  #nextPublish = 1;
  #draining = false;

  constructor(socket: Socket) {
    this.#writer = new FrameWriter(socket);
    const reader = new FrameReader((frame) => this.#receive(frame));
    socket.on('data', (chunk) => reader.push(chunk as Buffer));
    socket.on('error', () => process.exit(0));
    socket.on('close', () => process.exit(0));
    process.on('unhandledRejection', (error) => this.#crash('an unhandled rejection', error));
    process.on('uncaughtException', (error) => this.#crash('an uncaught exception', error));
    this.#captureConsole();
  }

  log(level: string, callId: string, message: string, fields?: Readonly<Record<string, unknown>>): void {
    const text = fields === undefined ? message : `${message} ${safeJson(fields)}`;
    const header: LogHeader = { level, call: callId };
    this.#writer.write(frameTypes.log, 0, 0, JSON.stringify(header), Buffer.from(text.slice(0, logCharsMax)));
  }

  publish(call: LazyCall, subject: string, data: Uint8Array | string, options: PublishOptions): Promise<void> {
    const token = this.#nextPublish++;
    const header: PublishHeader = {
      token,
      subject,
      messageId: options.id ?? `${call.header.i}.publish.${call.publishes++}`,
      headers: { ...options.headers },
    };
    const settled = Promise.withResolvers<void>();
    this.#publishes.set(token, settled);
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    this.#writer.write(frameTypes.publish, call.frameId, 0, JSON.stringify(header), bytes);
    return settled.promise;
  }

  #receive(frame: Frame): void {
    switch (frame.type) {
      case frameTypes.call:
        this.#waiting.push({ call: new LazyCall(frame.id, frame.header), body: frame.body });
        return this.#runWaiting();
      case frameTypes.load:
        this.load = JSON.parse(Buffer.from(frame.header).toString('utf8')) as LoadHeader;
        void this.#load();
        return;
      case frameTypes.cancel:
        return this.#running.get(frame.id)?.cancel();
      case frameTypes.published:
        return this.#published(JSON.parse(Buffer.from(frame.header).toString('utf8')) as PublishedHeader);
      case frameTypes.stop:
        void this.#stop();
    }
  }

  async #load(): Promise<void> {
    try {
      this.#definition = loadFunction(this.load.artifact);
      const config = this.load.config as Record<string, unknown>;
      await this.#definition.init?.({ config, function: identityOf(this.load), log: createLog(this, '') });
      this.#writer.write(frameTypes.ready, 0, 0, '');
    } catch (error) {
      this.#sendError(0, 'load', error);
    }
  }

  #runWaiting(): void {
    while (this.#running.size < this.load.concurrency) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#run(next.call, next.body);
    }
  }

  /** A handler that returns a value, not a promise, settles without a turn of the event loop. */
  #run(call: LazyCall, body: Uint8Array): void {
    this.#running.set(call.frameId, call);
    try {
      const result = this.#handle(new HostEvent(call, body), new HostContext(call, this));
      if (isThenable(result)) {
        result.then(
          (value) => this.#succeed(call, value),
          (error: unknown) => this.#fail(call, error),
        );
      } else this.#succeed(call, result);
    } catch (error) {
      this.#fail(call, error);
    }
  }

  #handle(event: HostEvent, context: HostContext): Promise<FunctionResult> | FunctionResult {
    const definition = this.#definition;
    if (!definition) throw new PlatformError('internal', 'a call came before the function was loaded');
    if ('handle' in definition) return definition.handle(event, context);
    return Promise.resolve(definition.handleBatch([event], context)).then(([result]) => {
      if (result instanceof Error) throw result;
      return result;
    });
  }

  #succeed(call: LazyCall, result: FunctionResult): void {
    try {
      sendResult(this.#writer, call.frameId, result);
      this.#end(call);
    } catch (error) {
      this.#fail(call, error);
    }
  }

  #fail(call: LazyCall, error: unknown): void {
    const failure = readFailure(error);
    if (failure.kind === 'reject') this.#sendError(call.frameId, 'rejected', error);
    else if (failure.kind === 'retry') this.#sendError(call.frameId, 'retry', error, failure.afterMs);
    else this.#sendError(call.frameId, 'failed', error);
    this.#end(call);
  }

  #end(call: LazyCall): void {
    call.end();
    this.#running.delete(call.frameId);
    if (this.#waiting.length > 0) this.#runWaiting();
    else if (this.#draining && this.#running.size === 0) void this.#stop();
  }

  #sendError(frameId: number, kind: ErrorHeader['kind'], error: unknown, retryAfterMs?: number): void {
    const stack = error instanceof Error ? (error.stack ?? '') : '';
    const header: ErrorHeader = {
      kind,
      message: messageOf(error).slice(0, logCharsMax),
      stack: stack.slice(0, logCharsMax),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
    this.#writer.write(frameTypes.error, frameId, 0, JSON.stringify(header));
  }

  #published(header: PublishedHeader): void {
    const settled = this.#publishes.get(header.token);
    this.#publishes.delete(header.token);
    if (header.error === '') settled?.resolve();
    else settled?.reject(new PlatformError('unavailable', header.error));
  }

  async #stop(): Promise<void> {
    this.#draining = true;
    if (this.#running.size > 0 || this.#waiting.length > 0) return;
    try {
      await this.#definition?.dispose?.();
    } catch (error) {
      this.log('error', '', `dispose failed: ${messageOf(error)}`);
    }
    this.#writer.flush();
    setImmediate(() => process.exit(0));
  }

  /** The process's state is unknown now: its calls fail with the error, and it ends. */
  #crash(what: string, error: unknown): void {
    this.log('error', '', `${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    for (const call of this.#running.values()) this.#sendError(call.frameId, 'failed', error);
    this.#running.clear();
    this.#writer.flush();
    setImmediate(() => process.exit(1));
  }

  #captureConsole(): void {
    const at =
      (level: string) =>
      (...values: unknown[]) => {
        const text = values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' ');
        const [only] = this.#running.size === 1 ? this.#running.values() : [];
        this.log(level, only?.header.i ?? '', text);
      };
    Object.assign(console, {
      log: at('info'),
      info: at('info'),
      debug: at('debug'),
      warn: at('warn'),
      error: at('error'),
      trace: at('debug'),
    });
  }
}

function isThenable(value: unknown): value is Promise<FunctionResult> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return inspect(value);
  }
}
