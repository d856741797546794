/** A synchronous call on this node: off the gateway's line, through an instance, and back. JetStream has no part in it. */
import { headerLines, publishSubject } from '#broker';
import { formatBytes, PlatformError } from '#common';
import { type CallHeader, type LineCall, type LineOutcome, readOutputHeaders, resultForms } from '#frames';
import { invokePayloadBytesMax } from '#rpc';
import type { Agent } from '../agent.ts';
import type { Call, CallOutcome } from '../call.ts';
import type { FunctionPool } from '../instances/function-pool.ts';
import type { StackMap } from '../instances/stack-map.ts';

export interface InvocationOptions {
  readonly agent: Agent;
}

/** On top of the function's own timeout, which its instance enforces: time to start one, and for the outcome to come back. */
const outcomeGraceMs = 25_000;

const noBytes = new Uint8Array(0);

export class Invocation {
  readonly #request: LineCall;
  readonly #payload: Uint8Array;
  readonly #agent: Agent;
  readonly #began: number;
  readonly #settled = Promise.withResolvers<CallOutcome>();
  #call: Call | undefined;
  #instance = '';
  #cold = false;
  #answerHeaders: Readonly<Record<string, string>> | undefined;

  constructor(request: LineCall, payload: Uint8Array, { agent }: InvocationOptions) {
    this.#request = request;
    this.#payload = payload;
    this.#agent = agent;
    this.#began = agent.clock.monotonic();
  }

  /** The answer; empty where it went out in pieces. Rejects with what the caller is told. */
  async run(onChunk: (data: Uint8Array) => void): Promise<Uint8Array> {
    const { f: name, d: digest, r: isStream } = this.#request;
    const found = this.#agent.find(digest);
    if (!found) throw new PlatformError('not-found', `this node does not know ${name} ${digest.slice(0, 12)}`);
    if (!this.#agent.hasTimeFor(found.pool)) {
      throw new PlatformError(
        'no-capacity',
        `the walltime of node ${this.#agent.config.node} ends before a call of ${name} would`,
        {
          hint: 'Extend the pilot: pilotfish pilot extend --nodes 1',
        },
      );
    }
    this.#cold = !found.pool.ready;
    const outcome = await this.#submit(found.pool, onChunk);
    if (outcome.kind !== 'result') throw await this.#failureOf(outcome, found.stacks);
    const answer = outcome.form === resultForms.several ? await this.#split(outcome) : outcome.body;
    if (answer.length > invokePayloadBytesMax) {
      const [size, most] = [formatBytes(answer.length), formatBytes(invokePayloadBytesMax)];
      throw new PlatformError('payload-too-large', `the answer of ${name} has ${size}; a call carries ${most}`, {
        hint: 'Ask for less, or publish the input as an event: results may be of any size there.',
      });
    }
    if (!isStream) return answer;
    // A function that answers whole gives a streaming caller one piece.
    if (answer.length > 0) onChunk(answer);
    return noBytes;
  }

  cancel(): void {
    if (!this.#call) return;
    for (const { instance } of this.#agent.instances()) instance.cancel(this.#call);
  }

  /** Rejects it where its outcome is overdue. Asked now and then: a timer of each call costs as much as reading it. */
  endIfLate(): void {
    const { f: name, t: timeoutMs } = this.#request;
    const lateMs = timeoutMs + outcomeGraceMs;
    if (this.#agent.clock.monotonic() - this.#began < lateMs) return;
    this.#settled.reject(new PlatformError('timeout', `the call of ${name} did not end within ${lateMs} ms`));
  }

  /** Where and how long it ran, and what the function said of its answer. */
  outcome(): LineOutcome {
    const ms = this.#agent.clock.monotonic() - this.#began;
    const ran = { n: this.#instance, c: this.#cold, m: Math.round(ms * 1_000) / 1_000 };
    return this.#answerHeaders ? { ...ran, h: this.#answerHeaders } : ran;
  }

  #submit(pool: FunctionPool, onChunk: (data: Uint8Array) => void): Promise<CallOutcome> {
    const { i, t: timeoutMs, h, r, w } = this.#request;
    const trace = this.#agent.traces?.beginCall(pool.version, { id: i, headers: h ?? {}, dueMs: w });
    const header: CallHeader = {
      s: '',
      i,
      q: 0,
      t: this.#agent.clock.now(),
      a: 1,
      d: timeoutMs,
      ...(h ? { h } : {}),
      ...(r ? { r } : {}),
      ...(trace ? { p: trace.traceparent } : {}),
    };
    this.#call = {
      header: JSON.stringify(header),
      body: this.#payload,
      timeoutMs,
      ...(r ? { onChunk } : {}),
      settle: (outcome, run) => {
        this.#instance = run.instance;
        trace?.handled(outcome, run, this.#agent.clock.now());
        trace?.end(this.#agent.clock.now());
        this.#settled.resolve(outcome);
      },
    };
    if (!pool.submit(this.#call)) {
      throw new PlatformError('no-capacity', `${describe(pool)} has as many calls waiting as it may`, {
        hint: 'Call again a little later.',
      });
    }
    return this.#settled.promise;
  }

  /** What the caller is told; the function's author finds it in the log, too. */
  async #failureOf(outcome: Exclude<CallOutcome, { kind: 'result' }>, stacks: StackMap): Promise<PlatformError> {
    const error = await describeFailure(outcome, this.#request.f, stacks);
    this.#agent.logs.write({
      functionName: this.#request.f,
      instance: this.#instance || this.#agent.config.node,
      level: 'error',
      call: this.#request.i,
      text: `call failed: ${error.foreignStack || error.message}`,
    });
    return error;
  }

  /** Outputs with a subject are published like an event's; the first without one is the call's answer. */
  async #split({ header, body }: CallOutcome & { kind: 'result' }): Promise<Uint8Array> {
    let answer: Uint8Array | undefined;
    let at = 0;
    const published: Promise<void>[] = [];
    for (const [index, output] of readOutputHeaders(header, body.length).entries()) {
      const data = body.subarray(at, at + output.length);
      at += output.length;
      if (output.subject === undefined) {
        if (answer === undefined) this.#answerHeaders = output.headers;
        answer ??= data;
      } else published.push(this.#publish(output.subject, data, `${this.#request.i}.${index}`, output.headers ?? {}));
    }
    await Promise.all(published);
    return answer ?? noBytes;
  }

  #publish(subject: string, data: Uint8Array, id: string, headers: Record<string, string>): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const output = { subject: publishSubject(subject), data, id, lines: headerLines(Object.entries(headers)) };
    this.#agent.outputs.store(output, (error) => (error ? reject(error) : resolve()));
    return promise;
  }
}

const failureCodes = {
  failed: 'function-failed',
  rejected: 'function-rejected',
  retry: 'function-failed',
  load: 'start-failed',
  noFunction: 'start-failed',
} as const;

async function describeFailure(
  outcome: Exclude<CallOutcome, { kind: 'result' }>,
  name: string,
  stacks: StackMap,
): Promise<PlatformError> {
  switch (outcome.kind) {
    case 'failed': {
      const { kind, message, stack } = outcome.error;
      // A refusal is no accident: where in the code it was made helps nobody.
      if (kind === 'rejected') return new PlatformError(failureCodes[kind], message);
      return new PlatformError(failureCodes[kind], message, { foreignStack: await stacks.map(stack) });
    }
    case 'timeout':
      return new PlatformError('function-timeout', `${name} ran longer than its timeout of ${outcome.timeoutMs} ms`, {
        hint: 'Raise `timeout` in the manifest, or give the call a longer --timeout.',
      });
    case 'lost':
      return new PlatformError('instance-lost', `the instance of ${name} ended during the call: ${outcome.reason}`, {
        hint: `\`pilotfish logs ${name}\` may show why.`,
      });
    case 'unstartable': {
      const { full = false } = outcome;
      const [message = '', ...stack] = outcome.reason.split('\n');
      const text = `no instance of ${name} could be started: ${message}`;
      return new PlatformError(full ? 'no-capacity' : 'start-failed', text, {
        hint: full
          ? 'Wait for a slot, or give the pilot more nodes.'
          : 'Mend that; what is changed in the function has to be deployed.',
        foreignStack: await stacks.map(stack.join('\n')),
      });
    }
  }
}

function describe(pool: FunctionPool): string {
  return `${pool.version.function} version ${pool.version.number}`;
}
