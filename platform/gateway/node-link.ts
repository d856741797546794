/** The gateway's line to one agent: its reports, its wanted set, its calls. Reconnects as long as the agent is registered. */
import { randomUUID } from 'node:crypto';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { type Clock, messageOf, PlatformError } from '#common';
import type { NodeEntry } from '#model';
import {
  AgentClient,
  type AgentInvokeRequest,
  type AgentInvokeResponse,
  type FunctionVersion,
  type ReportResponse,
  type WantedFunction,
} from '#proto';
import { callUnary, fromErrorDetail, openClient, readStream, type TlsIdentity } from '#rpc';
import type { Logger } from '#telemetry';

export interface NodeLinkOptions {
  readonly entry: NodeEntry;
  readonly serverName: string;
  readonly tls: TlsIdentity;
  readonly epoch: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onReport: (report: ReportResponse) => void;
}

export interface AgentCallOptions {
  readonly version: FunctionVersion;
  readonly payload: Buffer;
  readonly headers: Record<string, string>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Given, the answer comes in pieces. */
  readonly onChunk?: ((chunk: Buffer) => void) | undefined;
}

interface OpenCall extends PromiseWithResolvers<AgentInvokeResponse> {
  readonly onChunk: AgentCallOptions['onChunk'];
}

const reconnectMs = 200;
const applyTimeoutMs = 5_000;
/** Calls in flight to one agent; more are refused at once rather than queued without end (R6). */
const openCallsMax = 4_096;
/** An agent may forget an old version between being told of it and the call: told again so often. */
const tellsMax = 3;

export class NodeLink {
  readonly entry: NodeEntry;
  report: ReportResponse | undefined;
  /** Monotonic time of the last report. */
  reportedAt = Number.NEGATIVE_INFINITY;
  readonly #options: NodeLinkOptions;
  readonly #client: AgentClient;
  readonly #closed = new AbortController();
  readonly #calls = new Map<string, OpenCall>();
  #stream: ClientDuplexStream<AgentInvokeRequest, AgentInvokeResponse> | undefined;
  #wanted: { generation: number; functions: readonly WantedFunction[] } | undefined;
  #applying = false;
  /** Digests of the set that the agent has taken. */
  #known: Set<string> = new Set();

  constructor(options: NodeLinkOptions) {
    this.#options = options;
    this.entry = options.entry;
    this.#client = openClient(AgentClient, {
      address: options.entry.address,
      serverName: options.serverName,
      tls: options.tls,
    });
    void this.#followReports();
  }

  get openCalls(): number {
    return this.#calls.size;
  }

  /** States the node's wanted set; said again until the agent has taken it. */
  apply(generation: number, functions: readonly WantedFunction[]): void {
    this.#wanted = { generation, functions };
    void this.#apply();
  }

  /** Rejects with the error that the agent names, or `unavailable` when it went away during the call. */
  async call(options: AgentCallOptions): Promise<AgentInvokeResponse> {
    for (let tells = 1; ; tells++) {
      if (!this.#known.has(options.version.digest)) await this.#tell(options.version);
      try {
        return await this.#callOnce(options);
      } catch (error) {
        // The agent has not run it: it does not know the version (any more).
        if (PlatformError.from(error).code !== 'not-found' || tells >= tellsMax) throw error;
        this.#known.delete(options.version.digest);
      }
    }
  }

  async #callOnce(options: AgentCallOptions): Promise<AgentInvokeResponse> {
    if (this.#calls.size >= openCallsMax) {
      throw new PlatformError('no-capacity', `node ${this.entry.node} has ${openCallsMax} calls in flight`, {
        hint: 'Call again a little later.',
      });
    }
    const callId = randomUUID();
    const outcome = Promise.withResolvers<AgentInvokeResponse>();
    this.#calls.set(callId, { ...outcome, onChunk: options.onChunk });
    const { signal, version, onChunk, ...rest } = options;
    const call = { ...rest, function: version.function, digest: version.digest, stream: onChunk !== undefined };
    const cancel = () => this.#invokeStream().write({ command: { $case: 'cancelCallId', cancelCallId: callId } });
    signal.addEventListener('abort', cancel, { once: true });
    try {
      this.#invokeStream().write({ command: { $case: 'call', call: { callId, ...call } } });
      const response = await outcome.promise;
      if (response.outcome?.$case === 'error') throw fromErrorDetail(response.outcome.error);
      return response;
    } finally {
      signal.removeEventListener('abort', cancel);
      this.#calls.delete(callId);
    }
  }

  close(): void {
    this.#closed.abort();
    this.#stream?.cancel();
    this.#client.close();
    this.#failCalls('is no longer part of the pilot');
  }

  async #followReports(): Promise<void> {
    const { clock, epoch, logger, onReport } = this.#options;
    while (!this.#closed.signal.aborted) {
      try {
        const stream = this.#client.report({ epoch });
        for await (const report of readStream(stream, this.#closed.signal)) {
          this.report = report;
          this.reportedAt = clock.monotonic();
          onReport(report);
          // An agent that started anew, or missed a set, is told again.
          if (this.#wanted && (report.epoch < epoch || report.generation < this.#wanted.generation)) void this.#apply();
        }
      } catch (error) {
        if (!this.#closed.signal.aborted)
          logger.warn({ peer: this.entry.node, error: messageOf(error) }, 'agent does not report');
      }
      await clock.sleep(reconnectMs, this.#closed.signal);
    }
  }

  async #apply(): Promise<void> {
    if (this.#applying) return;
    this.#applying = true;
    try {
      for (let sent = -1; this.#wanted && sent !== this.#wanted.generation; ) {
        const { generation, functions } = this.#wanted;
        await callUnary(
          this.#client.apply.bind(this.#client),
          { epoch: this.#options.epoch, generation, functions: [...functions] },
          { timeoutMs: applyTimeoutMs },
        );
        sent = generation;
        this.#known = new Set(functions.map((entry) => entry.version?.digest ?? ''));
      }
    } catch (error) {
      // The next report shows the old generation, and the set is said again.
      if (PlatformError.from(error).code === 'conflict') throw error;
      if (!this.#closed.signal.aborted)
        this.#options.logger.warn({ peer: this.entry.node, error: messageOf(error) }, 'wanted set not taken');
    } finally {
      this.#applying = false;
    }
  }

  /** A call for a version that is not in the wanted set: an old one, or one deployed this moment. */
  async #tell(version: FunctionVersion): Promise<void> {
    const { generation, functions } = this.#wanted ?? { generation: 0, functions: [] };
    const others = functions.filter((entry) => entry.version?.digest !== version.digest);
    const entry =
      functions.find((known) => known.version?.digest === version.digest) ??
      ({
        version,
        instances: 0,
        activator: false,
        pull: false,
        canaryDigest: '',
        canaryPercent: 0,
        triggers: [],
      } satisfies WantedFunction);
    const request = { epoch: this.#options.epoch, generation, functions: [...others, entry] };
    await callUnary(this.#client.apply.bind(this.#client), request, { timeoutMs: applyTimeoutMs });
  }

  /** One persistent stream a node: a third of what a call each would cost. */
  #invokeStream(): ClientDuplexStream<AgentInvokeRequest, AgentInvokeResponse> {
    if (this.#stream) return this.#stream;
    const stream = this.#client.invoke();
    this.#stream = stream;
    const ended = () => {
      if (this.#stream !== stream) return;
      this.#stream = undefined;
      this.#failCalls('went away during the call');
    };
    stream.on('data', (response: AgentInvokeResponse) => {
      const call = this.#calls.get(response.callId);
      if (response.outcome?.$case === 'chunk') call?.onChunk?.(response.outcome.chunk);
      else call?.resolve(response);
    });
    stream.on('error', ended);
    stream.on('end', ended);
    return stream;
  }

  #failCalls(why: string): void {
    for (const call of this.#calls.values()) {
      call.reject(
        new PlatformError('unavailable', `node ${this.entry.node} ${why}`, {
          hint: 'The call may have run; call again if that does no harm.',
        }),
      );
    }
  }
}
