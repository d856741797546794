/**
 * The host process of one instance: reads frames, has calls run, writes what became of them.
 * It opens nothing but fd 3; when that ends, its agent is gone and it goes too.
 */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { inspect } from 'node:util';
import { messageOf, PlatformError } from '#common';
import {
  type CallHeader,
  callForms,
  callPacked,
  callStreamed,
  type ErrorHeader,
  type Frame,
  FrameReader,
  FrameWriter,
  frameTypes,
  hostExitWithoutAgent,
  type LoadHeader,
  type LogHeader,
  type PartHeader,
  type PartsEndHeader,
  type PublishedHeader,
  type PublishHeader,
  type RunHeader,
  readJson,
  runToldMs,
  type StateAnswerHeader,
} from '#frames';
import { type FunctionDefinition, type FunctionResult, type PublishOptions, readFailure } from '#sdk';
import { PayloadFiles, ResultFiles } from './body-files.ts';
import { createLog, type HostLink, identityOf, LazyCall } from './call-context.ts';
import { CallRunner, type CallSink } from './call-runner.ts';
import { captureConsole } from './capture-console.ts';
import { loadFunction } from './load-function.ts';
import { MetricTeller } from './metric-teller.ts';
import { type Redact, redactor } from './redact.ts';
import { sendPacked, sendPieces, sendResult } from './send-result.ts';
import { StateClient } from './state-client.ts';
import { StreamedParts } from './streamed-parts.ts';

/** A log line or an error's text is cut to this before it leaves the process. */
const textCharsMax = 8_192;

const nothingLoaded: LoadHeader = {
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
  resultFolder: '',
  memoryBytes: 0,
};

/** Serves the socket on fd 3 until its end. */
export function runHost(): void {
  new Host(new Socket({ fd: 3, readable: true, writable: true }));
}

class Host implements HostLink, CallSink {
  load = nothingLoaded;
  readonly state: StateClient;
  readonly metrics: MetricTeller['book'];
  readonly #teller: MetricTeller;
  readonly #socket: Socket;
  readonly #writer: FrameWriter;
  readonly #publishes = new Map<number, PromiseWithResolvers<void>>();
  #definition: FunctionDefinition | undefined;
  #runner: CallRunner | undefined;
  readonly #payloads = new PayloadFiles();
  #files = new ResultFiles('');
  #redact: Redact = (text) => text;
  #nextPublish = 1;
  #draining = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#writer = new FrameWriter(socket);
    this.state = new StateClient(this.#writer);
    this.#teller = new MetricTeller(this.#writer, (text) => this.log({ level: 'warn', call: '' }, text));
    this.metrics = this.#teller.book;
    const reader = new FrameReader((frame) => this.#receive(frame));
    socket.on('data', (chunk) => reader.push(chunk as Buffer));
    socket.on('error', (error) => endWithoutAgent(`failed: ${error.message}`));
    socket.on('close', () => endWithoutAgent('was closed'));
    process.on('unhandledRejection', (error) => this.#crash('an unhandled rejection', error));
    process.on('uncaughtException', (error) => this.#crash('an uncaught exception', error));
    captureConsole((level, text) => {
      const [only] = this.#runner?.running.size === 1 ? this.#runner.running.values() : [];
      this.log({ level, call: only?.header.i ?? '', trace: only?.trace?.traceId }, text);
    });
    this.#writer.write(frameTypes.waiting, 0, 0, '');
  }

  log({ level, call, trace }: LogHeader, message: string, fields?: Readonly<Record<string, unknown>>): void {
    const text = this.#text(fields === undefined ? message : `${message} ${safeJson(fields)}`);
    const header: LogHeader = trace === undefined ? { level, call } : { level, call, trace };
    this.#writer.write(frameTypes.log, 0, 0, JSON.stringify(header), Buffer.from(text));
  }

  publish(call: LazyCall, subject: string, data: Uint8Array | string, options: PublishOptions): Promise<void> {
    const token = this.#nextPublish++;
    const header: PublishHeader = {
      token,
      subject,
      messageId: options.id ?? `${call.header.i}.publish.${call.publishes++}`,
      headers: { ...call.traceHeaders, ...options.headers },
    };
    const settled = Promise.withResolvers<void>();
    this.#publishes.set(token, settled);
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    this.#writer.write(frameTypes.publish, call.frameId, 0, JSON.stringify(header), bytes);
    return settled.promise;
  }

  succeeded(call: LazyCall, result: FunctionResult): void {
    try {
      this.#tellRun(call);
      sendResult(this.#writer, call.frameId, result, this.#files);
    } catch (error) {
      this.failed(call, error);
    }
  }

  async streamed(call: LazyCall, pieces: AsyncIterable<FunctionResult>): Promise<void> {
    try {
      const ended = () => this.#tellRun(call);
      await sendPieces({ writer: this.#writer, socket: this.#socket, call, pieces, ended });
    } catch (error) {
      this.failed(call, error);
    }
  }

  failed(call: LazyCall, error: unknown): void {
    this.#tellRun(call);
    this.#writer.write(frameTypes.error, call.frameId, 0, JSON.stringify(this.#errorHeader(error)));
  }

  packed(call: LazyCall, results: readonly (FunctionResult | Error)[]): void {
    try {
      this.#tellRun(call);
      const errorHeader = (error: Error) => this.#errorHeader(error);
      sendPacked({ writer: this.#writer, frameId: call.frameId, files: this.#files, errorHeader }, results);
    } catch (error) {
      this.failed(call, error);
    }
  }

  idle(): void {
    if (this.#draining) void this.#stop();
  }

  /** Said once a call, before its answer; nothing of one that never began. */
  #tellRun(call: LazyCall): void {
    const ms = performance.now() - call.startedAt;
    if (call.startedAt === 0 || ms < runToldMs) return;
    call.startedAt = 0;
    const header: RunHeader = { t: Date.now() - ms, ms };
    this.#writer.write(frameTypes.run, call.frameId, 0, JSON.stringify(header));
  }

  #receive(frame: Frame): void {
    switch (frame.type) {
      case frameTypes.call:
        return this.#receiveCall(new LazyCall(frame.id, frame.header), frame);
      case frameTypes.part:
        return this.#runner?.find(frame.id)?.streamed?.receive(readJson<PartHeader>(frame.header), frame.body);
      case frameTypes.partsEnd:
        return this.#runner?.find(frame.id)?.streamed?.end(readJson<PartsEndHeader>(frame.header));
      case frameTypes.load:
        void this.#load(readJson<LoadHeader>(frame.header));
        return;
      case frameTypes.cancel:
        return this.#runner?.cancel(frame.id);
      case frameTypes.taken:
        return this.#files.taken(frame.id);
      case frameTypes.published:
        return this.#published(readJson<PublishedHeader>(frame.header));
      case frameTypes.stateAnswer:
        return this.state.answered(readJson<StateAnswerHeader>(frame.header), frame.body);
      case frameTypes.stop:
        void this.#stop();
    }
  }

  #receiveCall(call: LazyCall, { flags, body }: Frame): void {
    if (flags & callStreamed) call.streamed = this.#partsOf(call);
    const form = flags & ~(callPacked | callStreamed);
    if (form === callForms.claimed) return this.#runner?.receive(call, undefined);
    const payload = form === callForms.file ? this.#readFile(call.header) : body;
    if (flags & callPacked) this.#runner?.receivePack(call, payload);
    else this.#runner?.receive(call, payload);
  }

  #readFile({ f: path = '', n: length = 0, w: mark }: CallHeader): Uint8Array {
    return this.#payloads.read(path, length, mark);
  }

  #partsOf(call: LazyCall): StreamedParts {
    return new StreamedParts(() => call.header.o?.key ?? '', {
      readFile: (path, length) => this.#payloads.read(path, length),
      taken: () => this.#writer.write(frameTypes.partTaken, call.frameId, 0, ''),
    });
  }

  async #load(load: LoadHeader): Promise<void> {
    this.load = load;
    this.#files = new ResultFiles(load.resultFolder);
    this.#redact = redactor(load.secrets);
    try {
      const log = createLog(this, '');
      const { definition, codeCache, codeCacheUse } = loadFunction(load, log);
      this.#definition = definition;
      if (load.codeCacheOnly) return this.#writer.write(frameTypes.codeCache, 0, 0, '', codeCache());
      const { secrets } = load;
      await definition.init?.({
        config: load.config as Record<string, unknown>,
        secrets,
        function: identityOf(load),
        log,
        metrics: this.metrics,
      });
      this.#runner = new CallRunner(definition, this, this);
      this.#writer.write(frameTypes.ready, 0, codeCacheUse, '');
    } catch (error) {
      this.#sendError(0, 'load', error);
    }
  }

  /** What a handler's error says of its event. */
  #errorHeader(error: unknown): ErrorHeader {
    const failure = readFailure(error);
    if (failure.kind === 'reject') return this.#describe('rejected', error);
    if (failure.kind === 'retry') return { ...this.#describe('retry', error), ...retryAfter(failure.afterMs) };
    return this.#describe('failed', error);
  }

  #describe(kind: ErrorHeader['kind'], error: unknown): ErrorHeader {
    const stack = this.#text(error instanceof Error ? (error.stack ?? '') : '');
    return { kind, message: this.#text(messageOf(error)), stack };
  }

  #sendError(frameId: number, kind: ErrorHeader['kind'], error: unknown): void {
    this.#writer.write(frameTypes.error, frameId, 0, JSON.stringify(this.#describe(kind, error)));
  }

  /** What may leave the process as text. */
  #text(text: string): string {
    return this.#redact(text).slice(0, textCharsMax);
  }

  #published(header: PublishedHeader): void {
    const settled = this.#publishes.get(header.token);
    this.#publishes.delete(header.token);
    if (header.error === '') settled?.resolve();
    else settled?.reject(new PlatformError('unavailable', header.error));
  }

  async #stop(): Promise<void> {
    this.#draining = true;
    if (this.#runner && !this.#runner.isIdle) return;
    try {
      await this.#definition?.dispose?.();
    } catch (error) {
      this.log({ level: 'error', call: '' }, `dispose failed: ${messageOf(error)}`);
    }
    this.#teller.close();
    this.#writer.flush();
    setImmediate(() => process.exit(0));
  }

  /** The process's state is unknown now: its calls fail with the error, and it ends. */
  #crash(what: string, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.log({ level: 'error', call: '' }, `${what}: ${text}`);
    for (const call of this.#runner?.running.values() ?? []) {
      this.#tellRun(call);
      this.#sendError(call.frameId, 'failed', error);
    }
    this.#runner?.running.clear();
    this.#teller.close();
    this.#writer.flush();
    setImmediate(() => process.exit(1));
  }
}

/** An end of its own kind: with 0 it would look as if the function had called process.exit(). */
function endWithoutAgent(what: string): void {
  try {
    writeSync(2, `the socket to the agent ${what}\n`);
  } catch {
    // Nobody reads: who would have is gone, too.
  }
  process.exit(hostExitWithoutAgent);
}

function retryAfter(retryAfterMs: number | undefined): Partial<ErrorHeader> {
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return inspect(value);
  }
}
