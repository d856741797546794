/**
 * One instance as its agent sees it: a process, a frame socket and the calls inside it.
 * Its life is one tagged phase; whatever ends it, `onEnded` is told exactly once and each of its calls has an outcome.
 */
import type { Socket } from 'node:net';
import { messageOf } from '#common';
import {
  codeCacheUses,
  type ErrorHeader,
  type Frame,
  type LoadHeader,
  type RunHeader,
  runToldMs,
  type StateHeader,
} from '#frames';
import type { Call, CallRun } from '../call.ts';
import { CallPayloads } from './call-payloads.ts';
import { InstanceLink, type InstanceListener } from './instance-link.ts';
import type { InstanceOptions } from './instance-options.ts';
import { PartLines } from './part-lines.ts';
import { type RunningCall, RunningCalls } from './running-calls.ts';

export type InstancePhase = 'starting' | 'ready' | 'draining' | 'stopped';

/** From spawn to `ready`: a big bundle compiles for 0.2 s, a slow disk and a busy node take the rest. */
const startWaitMs = 20_000;
/** From `stop` to exit, then KILL. */
const stopGraceMs = 3_000;

/** From SIGTERM to SIGKILL, after a timeout. */
const terminateGraceMs = 500;

/** From the end of its socket to KILL: a process that exits is gone by then. */
const closedGraceMs = 1_000;

export class Instance {
  readonly id: string;
  readonly startedAt: number;
  readonly concurrency: number;
  readonly memoryBytes: number;
  readonly scratch: string;
  phase: InstancePhase = 'starting';
  handled = 0;
  /** False until it was ready once. */
  loaded = false;
  /** Scaled in before it was ready, which is no failure of its start. */
  unwanted = false;
  /** The function's own error, when loading failed. */
  loadError: string | undefined;
  readonly #options: InstanceOptions<Instance>;
  readonly #calls: RunningCalls;
  readonly #payloads: CallPayloads;
  readonly #lines: PartLines;
  #link: InstanceLink | undefined;
  #startTimer: NodeJS.Timeout | undefined;
  #stopTimer: NodeJS.Timeout | undefined;
  #endReason: string | undefined;
  /** What it did was the reason, not what the agent wants. */
  #atFault = false;
  #interrupted = false;
  /** It says how long its handlers take, where that is worth a word. */
  #tellsRuns = false;

  constructor(options: InstanceOptions<Instance>) {
    this.#options = options;
    this.id = options.id;
    this.concurrency = options.concurrency;
    this.memoryBytes = options.memoryBytes;
    this.scratch = options.scratch;
    this.#calls = new RunningCalls(options.concurrency);
    this.#payloads = new CallPayloads(options.bodies);
    this.#lines = new PartLines(options.bodies);
    this.startedAt = options.clock.now();
    this.#startTimer = setTimeout(() => this.end(`it was not ready within ${startWaitMs} ms`), startWaitMs);
  }

  /** 0 until its process has been forked. */
  get pid(): number {
    return this.#options.pid();
  }

  /** Calls inside it. */
  get inFlight(): number {
    return this.#calls.size;
  }

  /** It gains nothing by a further call now. */
  get hasEnough(): boolean {
    return this.#calls.hasEnough;
  }

  /** Its frame socket has come: load the function. */
  connect(socket: Socket, early: Buffer, load: LoadHeader): void {
    this.#link = new InstanceLink(socket, this.#listener());
    this.#tellsRuns = load.kind !== 'process';
    this.#link.load(load, early);
  }

  /** Hands a call over; the caller has checked that there is room. */
  run(call: Call): void {
    const put = this.#payloads.place(call, this.#calls.size === 0);
    const id = this.#calls.add(call, put?.used, this.#options.clock.monotonic());
    const writer = this.#link?.writer;
    if (!writer) return;
    try {
      this.#payloads.writeCall(writer, id, call, put);
      this.#lines.open(id, call, writer);
    } catch (error) {
      // Headers over what a frame holds will be so at every try.
      const rejected = { kind: 'rejected', message: messageOf(error), stack: '' } as const;
      this.#take(id, this.#options.clock.monotonic());
      return call.settle({ kind: 'failed', error: rejected }, { instance: this.id, ms: 0 });
    }
    try {
      this.#payloads.grow(writer, put, call);
    } catch (error) {
      this.end(`its payload could not be written: ${messageOf(error)}`);
    }
  }

  /** Nobody waits for this call any more: its handler's signal aborts. */
  cancel(call: Call): void {
    for (const id of this.#calls.idsOf(call)) this.#link?.cancel(id);
  }

  /** Its time is nearly over: its handlers' signals abort. A call that fails from now on is lost through no fault of its own. */
  interrupt(): void {
    this.#interrupted = true;
    for (const id of this.#calls.ids()) this.#link?.cancel(id);
  }

  /** Takes no more calls and stops once those inside it have ended (R5). */
  drain(): void {
    if (this.phase === 'starting') {
      this.unwanted = true;
      return this.end('it was no longer wanted');
    }
    if (this.phase !== 'ready') return;
    this.phase = 'draining';
    this.#stopWhenIdle();
  }

  /** Ends the process now; calls that ran in it are lost, the others unstarted. */
  end(reason: string): void {
    if (this.phase === 'stopped') return;
    this.#takeNoMore(reason);
    this.#options.kill('SIGKILL');
  }

  /** Its process lives on for a while after the signal, and what it still says (`ready`, too) must win it no call. */
  #takeNoMore(reason: string): void {
    this.phase = 'draining';
    this.#endReason ??= reason;
  }

  /** Ends it for what its function did: to its events that is an end of its own, which is counted (R4). */
  endFor(fault: string): void {
    if (this.phase === 'stopped') return;
    this.#atFault ||= this.#endReason === undefined;
    this.end(fault);
  }

  /** Ends the instance when its oldest calls have run past their timeout; those get the outcome `timeout`. */
  checkTimeouts(now: number): void {
    // One that is told to end runs nothing any more: what waits in it is not late, and goes elsewhere with its end.
    if (this.phase === 'stopped' || this.#endReason !== undefined) return;
    const late = this.#calls.late(now);
    for (const id of late) {
      const running = this.#take(id, now);
      if (!running) continue;
      const { call, startedAt } = running;
      call.settle({ kind: 'timeout', timeoutMs: call.timeoutMs }, { instance: this.id, ms: now - startedAt });
    }
    if (late.length > 0) this.#terminate('a call ran past its timeout');
  }

  /** Asks it to leave first: a function may have something to put away. One that does not listen is ended all the same. */
  #terminate(reason: string): void {
    this.#takeNoMore(reason);
    if (this.#stopTimer) return;
    this.#options.kill('SIGTERM');
    this.#stopTimer = setTimeout(() => this.#options.kill('SIGKILL'), terminateGraceMs);
  }

  /** The process has ended, told by the spawner. */
  processEnded(how: string): void {
    if (this.phase === 'stopped') return;
    this.phase = 'stopped';
    clearTimeout(this.#startTimer);
    clearTimeout(this.#stopTimer);
    this.#link?.close();
    const reason = this.#endReason ?? this.loadError ?? how;
    const now = this.#options.clock.monotonic();
    const { ran, unstarted } = this.#calls.clear();
    this.#lines.closeAll();
    for (const { call, startedAt } of ran) {
      call.settle(
        { kind: 'lost', reason, ended: this.#endReason !== undefined && !this.#atFault },
        { instance: this.id, ms: now - startedAt },
      );
    }
    for (const { file } of [...ran, ...unstarted]) this.#payloads.release(file);
    this.#payloads.close();
    this.#options.events.onEnded(
      this,
      reason,
      unstarted.map(({ call }) => call),
    );
  }

  #listener(): InstanceListener {
    const { events } = this.#options;
    return {
      ready: (codeCacheUse) => this.#ready(codeCacheUse),
      loadFailed: (error) => this.#failLoad(error),
      answered: (id, frame, error) => this.#settle(id, frame, error),
      ran: (id, run) => this.#told(id, run),
      chunk: (id, data) => this.#calls.get(id)?.call.onChunk?.(data),
      partTaken: (id) => this.#lines.taken(id),
      logged: (line, text) => events.onLog(this, line, text),
      measured: (samples) => events.onMetrics(samples),
      publishes: (publish, data) =>
        events.onPublish(publish, data, (error) => {
          if (this.phase !== 'stopped') this.#link?.published(publish.token, error);
        }),
      asksState: (state, value) => void this.#state(state, value),
      wrong: (fault) => this.endFor(fault),
      closed: () => this.#closed(),
    };
  }

  /** A process that ends closes its socket, too, and how it ended is the better reason; one that lives on can be told nothing. */
  #closed(): void {
    if (this.phase === 'stopped' || this.#stopTimer) return;
    this.phase = 'draining';
    this.#stopTimer = setTimeout(() => this.endFor('it closed its connection to the agent'), closedGraceMs);
  }

  #ready(codeCacheUse: number): void {
    if (this.phase !== 'starting') return;
    clearTimeout(this.#startTimer);
    this.phase = 'ready';
    this.loaded = true;
    if (codeCacheUse === codeCacheUses.rejected) this.#options.events.onCodeCacheRejected?.();
    this.#options.events.onReady(this);
  }

  #settle(id: number, frame: Frame, error: ErrorHeader | undefined): void {
    const now = this.#options.clock.monotonic();
    const running = this.#take(id, now);
    if (!running) return;
    this.handled++;
    const run = this.#runOf(running, now);
    if (error === undefined) {
      const header = frame.header.length === 0 ? '' : Buffer.from(frame.header).toString('utf8');
      running.call.settle(this.#payloads.resultOf(frame, header, this.#link?.writer, running), run);
    } else if (this.#interrupted) {
      running.call.settle({ kind: 'lost', reason: 'it was interrupted: its node is drained', ended: true }, run);
    } else {
      running.call.settle({ kind: 'failed', error }, run);
    }
    if (this.phase === 'draining') this.#stopWhenIdle();
    else this.#options.events.onRoom(this);
  }

  #told(id: number, run: RunHeader): void {
    this.#tellsRuns = true;
    const running = this.#calls.get(id);
    if (running) running.told = run;
  }

  /** As the instance measured it. What is seen from here is when its answers are read: late, where the node is busy. */
  #runOf({ startedAt, handedOverAt, told }: RunningCall, now: number): CallRun {
    const seen = now - startedAt;
    if (told) return { instance: this.id, ms: Math.min(told.ms, now - handedOverAt), beganMs: told.t };
    return { instance: this.id, ms: this.#tellsRuns ? Math.min(seen, runToldMs) : seen };
  }

  /** The call is no longer inside it; its payload's file serves the next one. */
  #take(id: number, now: number): RunningCall | undefined {
    const running = this.#calls.remove(id, now);
    this.#lines.close(id);
    this.#payloads.release(running?.file);
    return running;
  }

  async #state(state: StateHeader, value: Uint8Array): Promise<void> {
    const answer = await this.#options.events.onState(state, value);
    if (this.phase !== 'stopped') this.#link?.stateAnswered(state.token, answer);
  }

  #failLoad(error: ErrorHeader): void {
    this.loadError = `${error.message}\n${error.stack}`;
    this.end(error.message);
  }

  #stopWhenIdle(): void {
    if (this.#calls.size > 0 || this.#stopTimer) return;
    this.#endReason ??= 'it was no longer wanted';
    this.#link?.stop();
    this.#stopTimer = setTimeout(() => this.#options.kill('SIGKILL'), stopGraceMs);
  }
}
