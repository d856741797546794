/** The gateway's line to one agent: its reports, its wanted set, its calls. Reconnects as long as the agent is registered. */
import { type Clock, messageOf, PlatformError } from '#common';
import type { NodeEntry } from '#model';
import { AgentClient, type FunctionVersion, type ReportResponse, type WantedFunction } from '#proto';
import { callUnary, nodesKeepalive, openClient, openLine, readStream, type TlsIdentity } from '#rpc';
import type { Logger } from '#telemetry';
import { type AgentAnswer, type AgentCallOptions, CallLine } from './call-line.ts';
import type { FewAtOnce } from './few-at-once.ts';

export interface NodeLinkOptions {
  readonly entry: NodeEntry;
  /** The agent runs on the gateway's own node. */
  readonly isNear: boolean;
  readonly serverName: string;
  readonly tls: TlsIdentity;
  readonly epoch: number;
  readonly dials: FewAtOnce;
  readonly applies: FewAtOnce;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The node, or one of its instances, is in another state than before; counters alone are no change. */
  readonly onChange: () => void;
  /** The report tells of functions' own metrics, or of scans. */
  readonly onMetrics: (report: ReportResponse) => void;
}

interface WantedSet {
  readonly generation: number;
  readonly functions: readonly WantedFunction[];
  readonly reportEveryMs: number;
}

const reconnectMs = 200;
const applyTimeoutMs = 5_000;
/** Beyond its grace, a drain kills and hands back. */
const drainAnswerMs = 10_000;
/** An agent may forget an old version between being told of it and the call: told again so often. */
const tellsMax = 3;

export class NodeLink {
  readonly entry: NodeEntry;
  report: ReportResponse | undefined;
  /** Monotonic time of the last report. */
  reportedAt = Number.NEGATIVE_INFINITY;
  endsAtMs: number | undefined;
  #endTold = true;
  readonly #options: NodeLinkOptions;
  readonly #client: AgentClient;
  readonly #closed = new AbortController();
  readonly #line: CallLine;
  #wanted: WantedSet | undefined;
  #applying = false;
  /** Of the last report, as a text to compare. */
  #state = '';
  /** Digests of the set that the agent has taken. */
  #known: Set<string> = new Set();

  constructor(options: NodeLinkOptions) {
    this.#options = options;
    this.entry = options.entry;
    const { entry, isNear, serverName, tls } = options;
    const { address, socketPath, token } = entry.calls;
    this.#client = openClient(AgentClient, { address: entry.address, serverName, tls }, nodesKeepalive);
    this.#line = new CallLine({
      node: entry.node,
      token,
      open: () => openLine(isNear ? { socketPath } : { address, serverName, tls }),
    });
    void this.#followReports();
  }

  get openCalls(): number {
    return this.#line.openCalls;
  }

  /** The agent says that it works with the newest wanted set. */
  get hasTaken(): boolean {
    return this.#wanted !== undefined && this.report?.generation === this.#wanted.generation;
  }

  /** States the node's wanted set; said again until the agent has taken it. */
  apply(generation: number, functions: readonly WantedFunction[], reportEveryMs: number): void {
    this.#wanted = { generation, functions, reportEveryMs };
    void this.#apply();
  }

  /** Has the node remove claimed payloads of its own. */
  async releaseClaims(names: readonly string[]): Promise<void> {
    const call = this.#client.releaseClaims.bind(this.#client);
    await callUnary(call, { names: [...names] }, { timeoutMs: applyTimeoutMs });
  }

  /** A claimed payload that lies with the node. Throws `not-found` where it is gone. */
  async *readClaim(name: string): AsyncGenerator<Uint8Array, void, void> {
    for await (const { chunk } of readStream(this.#client.readClaim({ name }))) yield chunk;
  }

  /** Rejects with the error that the agent names, or `unavailable` when it went away during the call. */
  async call(options: AgentCallOptions): Promise<AgentAnswer> {
    for (let tells = 1; ; tells++) {
      if (!this.#known.has(options.version.digest)) await this.#tell(options.version);
      try {
        return await this.#line.call(options);
      } catch (error) {
        // The agent has not run it: it does not know the version (any more).
        if (PlatformError.from(error).code !== 'not-found' || tells >= tellsMax) throw error;
        this.#known.delete(options.version.digest);
      }
    }
  }

  close(): void {
    this.#closed.abort();
    this.#client.close();
    this.#line.drop('is no longer part of the pilot');
  }

  async #followReports(): Promise<void> {
    const { clock, epoch, logger, onChange, onMetrics, dials } = this.#options;
    while (!this.#closed.signal.aborted) {
      const dialled = await dials.begin();
      try {
        const stream = this.#client.report({ epoch });
        for await (const report of readStream(stream, this.#closed.signal)) {
          dialled();
          const state = stateOf(report);
          const isChange = state !== this.#state;
          this.#state = state;
          this.report = report;
          this.reportedAt = clock.monotonic();
          if (isChange) onChange();
          if (report.userMetrics.length + report.scans.length > 0) onMetrics(report);
          // An agent that started anew, or missed a set, is told again.
          if (this.#wanted && (report.epoch < epoch || report.generation < this.#wanted.generation)) void this.#apply();
        }
      } catch (error) {
        if (!this.#closed.signal.aborted)
          logger.warn({ peer: this.entry.node, error: messageOf(error) }, 'agent does not report');
        // It is dead, or its keepalive has found it unreachable; its calls would wait for TCP to notice.
        this.#line.drop('went away during the call');
      } finally {
        dialled();
      }
      await clock.sleep(reconnectMs, this.#closed.signal);
    }
  }

  /** When the node's scheduler job ends (R7); told with the wanted set, at once when it has changed. */
  setEnd(endsAtMs: number | undefined): void {
    if (this.endsAtMs === endsAtMs) return;
    this.endsAtMs = endsAtMs;
    this.#endTold = false;
    void this.#apply();
  }

  /** Returns the instances ended by force. */
  async drain(graceMs: number): Promise<number> {
    const request = { epoch: this.#options.epoch, graceMs };
    const timeoutMs = graceMs + drainAnswerMs;
    return (await callUnary(this.#client.drain.bind(this.#client), request, { timeoutMs })).killed;
  }

  async #apply(): Promise<void> {
    if (this.#applying) return;
    this.#applying = true;
    const applied = await this.#options.applies.begin();
    try {
      for (let sent = -1; this.#wanted && (sent !== this.#wanted.generation || !this.#endTold); ) {
        const { generation, functions } = this.#wanted;
        this.#endTold = true;
        await this.#send(this.#wanted);
        sent = generation;
        this.#known = new Set(functions.map((entry) => entry.version?.digest ?? ''));
      }
    } catch (error) {
      // The next report shows the old generation, and the set is said again.
      if (PlatformError.from(error).code === 'conflict') throw error;
      if (!this.#closed.signal.aborted)
        this.#options.logger.warn({ peer: this.entry.node, error: messageOf(error) }, 'wanted set not taken');
    } finally {
      applied();
      this.#applying = false;
    }
  }

  /** A call for a version that is not in the wanted set: an old one, or one deployed this moment. */
  async #tell(version: FunctionVersion): Promise<void> {
    const wanted = this.#wanted ?? { generation: 0, functions: [], reportEveryMs: 0 };
    const { functions } = wanted;
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
        shards: [],
      } satisfies WantedFunction);
    await this.#send({ ...wanted, functions: [...others, entry] });
  }

  async #send({ generation, functions, reportEveryMs }: WantedSet): Promise<void> {
    const request = {
      epoch: this.#options.epoch,
      generation,
      functions: [...functions],
      endsAtMs: this.endsAtMs ?? 0,
      reportEveryMs,
    };
    await callUnary(this.#client.apply.bind(this.#client), request, { timeoutMs: applyTimeoutMs });
  }
}

/** What a round or a caller in wait goes by; not the counters, which differ in every report of a busy node. */
function stateOf(report: ReportResponse): string {
  const { node } = report;
  if (!node) return '';
  const instances = node.instances.map(({ id, state }) => `${id}=${state}`);
  const errors = report.loads.map(({ startError }) => startError);
  return [node.state, node.slotsUsed, report.generation, ...instances, ...errors].join();
}
