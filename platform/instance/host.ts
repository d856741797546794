/**
 * The host process of one instance: reads frames, has calls run, writes what became of them.
 * It opens nothing but fd 3; when that ends, its agent is gone and it goes too.
 */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { PlatformError } from '#common';
import {
  type CallHeader,
  callForms,
  callPacked,
  callStreamed,
  type ErrorHeader,
  type Frame,
  FrameReader,
  FrameWriter,
  frameBytesMax,
  framePrefixBytes,
  frameTypes,
  hostExitWithoutAgent,
  type LoadHeader,
  type LogHeader,
  type PartHeader,
  type PartsEndHeader,
  type PublishedHeader,
  type RunHeader,
  readJson,
  runToldMs,
  type StateAnswerHeader,
} from '#frames';
import { type FunctionDefinition, type FunctionResult, type PublishOptions, readFailure } from '#sdk';
import { PayloadFiles, ResultFiles } from './body-files.ts';
import { createLog, type HostLink, identityOf, LazyCall } from './call-context.ts';
import { CallRunner, type CallSink } from './call-runner.ts';
import { captureOutput } from './capture-output.ts';
import { HostLog } from './host-log.ts';
import { loadFunction } from './load-function.ts';
import { MetricTeller } from './metric-teller.ts';
import { PublishClient } from './publish-client.ts';
import { redactor } from './redact.ts';
import { sendPacked, sendPieces, sendResult } from './send-result.ts';
import { StateClient } from './state-client.ts';
import { StreamedParts } from './streamed-parts.ts';
import { textOfThrown } from './thrown-text.ts';

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

/** No cache, where it is too large for a frame: the function is one all the same. */
function fitting(cache: Buffer): Buffer {
  return cache.length <= frameBytesMax - framePrefixBytes ? cache : Buffer.alloc(0);
}

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
  readonly #log: HostLog;
  readonly #publishes: PublishClient;
  #definition: FunctionDefinition | undefined;
  #runner: CallRunner | undefined;
  readonly #payloads = new PayloadFiles();
  #files = new ResultFiles('');
  #draining = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#writer = new FrameWriter(socket);
    this.#log = new HostLog(this.#writer);
    this.#publishes = new PublishClient(this.#writer);
    this.state = new StateClient(this.#writer);
    this.#teller = new MetricTeller(this.#writer, (text) => this.log({ level: 'warn', call: '' }, text));
    this.metrics = this.#teller.book;
    const reader = new FrameReader((frame) => this.#receive(frame));
    socket.on('data', (chunk) => reader.push(chunk as Buffer));
    socket.on('error', (error) => endWithoutAgent(`failed: ${error.message}`));
    socket.on('close', () => endWithoutAgent('was closed'));
    process.on('unhandledRejection', (error) => this.#crash('an unhandled rejection', error));
    process.on('uncaughtException', (error) => this.#crash('an uncaught exception', error));
    captureOutput((level, text) => {
      const [only] = this.#runner?.running.size === 1 ? this.#runner.running.values() : [];
      this.log({ level, call: only?.header.i ?? '', trace: only?.trace?.traceId }, text);
    });
    this.#writer.write(frameTypes.waiting, 0, 0, '');
  }

  log(header: LogHeader, message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#log.write(header, message, fields);
  }

  publish(call: LazyCall, subject: string, data: Uint8Array | string, options: PublishOptions): Promise<void> {
    return this.#publishes.publish(call, subject, data, options);
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
        return this.#publishes.published(readJson<PublishedHeader>(frame.header));
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
    this.#files = new ResultFiles(load.resultFolder, load.claimOver);
    this.#log.redact = redactor(load.secrets);
    try {
      const log = createLog(this, '');
      const { definition, codeCache, codeCacheUse } = loadFunction(load, log);
      this.#definition = definition;
      if (load.codeCacheOnly) return this.#writer.write(frameTypes.codeCache, 0, 0, '', fitting(codeCache()));
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
      const isNoFunction = error instanceof PlatformError && error.code === 'invalid';
      this.#sendError(0, isNoFunction ? 'noFunction' : 'load', error);
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
    const stack = this.#log.text(error instanceof Error ? (error.stack ?? '') : '');
    return { kind, message: this.#log.text(textOfThrown(error)), stack };
  }

  #sendError(frameId: number, kind: ErrorHeader['kind'], error: unknown): void {
    this.#writer.write(frameTypes.error, frameId, 0, JSON.stringify(this.#describe(kind, error)));
  }

  async #stop(): Promise<void> {
    this.#draining = true;
    if (this.#runner && !this.#runner.isIdle) return;
    try {
      await this.#definition?.dispose?.();
    } catch (error) {
      this.#log.tell({ level: 'error', call: '' }, `dispose failed: ${textOfThrown(error)}`);
    }
    this.#flush();
    setImmediate(() => process.exit(0));
  }

  /** The process's state is unknown now: its calls fail with the error, and it ends. */
  #crash(what: string, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#log.tell({ level: 'error', call: '' }, `${what}: ${text}`);
    for (const call of this.#runner?.running.values() ?? []) {
      this.#tellRun(call);
      this.#sendError(call.frameId, 'failed', error);
    }
    this.#runner?.running.clear();
    this.#flush();
    setImmediate(() => process.exit(1));
  }

  /** The last that it says. */
  #flush(): void {
    this.#teller.close();
    this.#log.close();
    this.#writer.flush();
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
