/** A synchronous call on this node: gRPC in, an instance, gRPC out. JetStream has no part in it. */
import type { NatsConnection } from '@nats-io/transport-node';
import { type EventPublisher, encodeHeaders, messageIdHeader, publishSubject } from '#broker';
import { PlatformError, withDeadline } from '#common';
import { type OutputHeader, resultForms } from '#frames';
import type { AgentCall, AgentInvokeResponse } from '#proto';
import { toErrorDetail } from '#rpc';
import type { Agent } from './agent.ts';
import type { Call, CallOutcome } from './call.ts';
import type { FunctionPool } from './function-pool.ts';
import type { StackMap } from './stack-map.ts';

export interface InvocationOptions {
  readonly agent: Agent;
  readonly connection: NatsConnection;
  readonly publisher: EventPublisher;
}

/** On top of the function's own timeout, which its instance enforces: time to start one, and for the outcome to come back. */
const outcomeGraceMs = 25_000;

export class Invocation {
  readonly #options: InvocationOptions;
  #call: Call | undefined;
  #instance = '';

  constructor(options: InvocationOptions) {
    this.#options = options;
  }

  /** Never throws: an error is an outcome. */
  async run(request: AgentCall, onChunk: (data: Buffer) => void): Promise<AgentInvokeResponse> {
    const { clock } = this.#options.agent;
    const began = clock.monotonic();
    const found = this.#options.agent.find(request.digest);
    const cold = !found?.pool.ready;
    let outcome: AgentInvokeResponse['outcome'];
    try {
      if (!found)
        throw new PlatformError(
          'not-found',
          `this node does not know ${request.function} ${request.digest.slice(0, 12)}`,
        );
      const settled = await withDeadline(
        this.#submit(request, found.pool, onChunk),
        request.timeoutMs + outcomeGraceMs,
        `the call of ${request.function}`,
      );
      const body = await this.#bodyOf(settled, request, found.stacks);
      // A function that answers whole gives a streaming caller one piece.
      if (request.stream && body.length > 0) onChunk(body);
      outcome = { $case: 'result', result: request.stream ? Buffer.alloc(0) : body };
    } catch (error) {
      outcome = { $case: 'error', error: toErrorDetail(error) };
    }
    return {
      callId: request.callId,
      outcome,
      instance: this.#instance,
      cold,
      durationMs: clock.monotonic() - began,
      headers: {},
    };
  }

  cancel(): void {
    if (!this.#call) return;
    for (const { instance } of this.#options.agent.instances()) instance.cancel(this.#call);
  }

  #submit(request: AgentCall, pool: FunctionPool, onChunk: (data: Buffer) => void): Promise<CallOutcome> {
    const { promise, resolve } = Promise.withResolvers<CallOutcome>();
    const { clock } = this.#options.agent;
    this.#call = {
      header: JSON.stringify({
        s: '',
        i: request.callId,
        q: 0,
        t: clock.now(),
        a: 1,
        d: request.timeoutMs,
        h: request.headers,
        ...(request.stream ? { r: true } : {}),
      }),
      body: request.payload,
      timeoutMs: request.timeoutMs,
      ...(request.stream ? { onChunk: (data) => onChunk(Buffer.from(data)) } : {}),
      settle: (outcome, run) => {
        this.#instance = run.instance;
        resolve(outcome);
      },
    };
    if (!pool.submit(this.#call)) {
      throw new PlatformError('no-capacity', `${describe(pool)} has as many calls waiting as it may`, {
        hint: 'Call again a little later.',
      });
    }
    return promise;
  }

  async #bodyOf(outcome: CallOutcome, request: AgentCall, stacks: StackMap): Promise<Buffer> {
    switch (outcome.kind) {
      case 'result':
        if (outcome.form !== resultForms.several) return Buffer.from(outcome.body);
        return this.#split(JSON.parse(outcome.header) as OutputHeader[], outcome.body, request);
      case 'failed':
        throw new PlatformError(failureCodes[outcome.error.kind], outcome.error.message, {
          foreignStack: await stacks.map(outcome.error.stack),
        });
      case 'timeout':
        throw new PlatformError(
          'function-timeout',
          `${request.function} ran longer than its timeout of ${outcome.timeoutMs} ms`,
          {
            hint: 'Raise `timeout` in the manifest, or give the call a longer --timeout.',
          },
        );
      case 'lost':
        throw new PlatformError(
          'instance-lost',
          `the instance of ${request.function} ended during the call: ${outcome.reason}`,
          {
            hint: `\`pilotfish logs ${request.function}\` may show why.`,
          },
        );
      case 'unstartable': {
        const full = outcome.reason.startsWith('no slot');
        const [message = '', ...stack] = outcome.reason.split('\n');
        throw new PlatformError(
          full ? 'no-capacity' : 'start-failed',
          `no instance of ${request.function} could be started: ${message}`,
          {
            hint: full ? 'Wait for a slot, or give the pilot more nodes.' : 'Mend the function and deploy it again.',
            foreignStack: await stacks.map(stack.join('\n')),
          },
        );
      }
    }
  }

  /** Outputs with a subject are published like an event's; the first without one is the call's answer. */
  async #split(outputs: readonly OutputHeader[], body: Uint8Array, request: AgentCall): Promise<Buffer> {
    let answer = Buffer.alloc(0);
    let answered = false;
    let at = 0;
    const published: Promise<void>[] = [];
    for (const [index, output] of outputs.entries()) {
      const data = body.subarray(at, at + output.length);
      at += output.length;
      if (output.subject === undefined) {
        if (!answered) answer = Buffer.from(data);
        answered = true;
      } else {
        published.push(this.#publish(output.subject, data, `${request.callId}.${index}`, output.headers ?? {}));
      }
    }
    await Promise.all(published);
    return answer;
  }

  #publish(subject: string, data: Uint8Array, id: string, headers: Record<string, string>): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const lines = encodeHeaders([[messageIdHeader, id], ...Object.entries(headers)]);
    this.#options.publisher.publish(publishSubject(subject), data, lines, (error) =>
      error ? reject(error) : resolve(),
    );
    return promise;
  }
}

const failureCodes = {
  failed: 'function-failed',
  rejected: 'function-rejected',
  retry: 'function-failed',
  load: 'start-failed',
} as const;

function describe(pool: FunctionPool): string {
  return `${pool.version.function} version ${pool.version.number}`;
}
