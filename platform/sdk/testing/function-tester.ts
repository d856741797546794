/** Runs a function's handlers as the instance host does, and keeps what they say for the test to look at. */
import type { FunctionContext, FunctionDefinition, FunctionEvent, FunctionLog, PublishOptions } from '../definition.ts';
import { encodeData, encodeResult } from '../encode-result.ts';
import { readFailure } from '../failures.ts';
import { MetricBook } from '../metric-book.ts';
import type { MetricSample } from '../metric-rules.ts';
import { type FunctionResult, outputs } from '../results.ts';
import { MemoryState } from './memory-state.ts';
import { TestClock } from './test-clock.ts';
import { makeEvent } from './test-event.ts';
import type { LogLine, PublishedEvent, TestEvent, TestOutcome } from './test-types.ts';

export interface TestOptions {
  readonly name?: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly state?: Readonly<Record<string, unknown>>;
  /** Default 30 s, as in a manifest. */
  readonly timeoutMs?: number;
  /** `Date.now()` does not follow it: a handler that asks it is tested after `vi.setSystemTime(clock.now())`. */
  readonly clock?: TestClock;
}

const defaultTimeoutMs = 30_000;

/** `init` runs before the first event. */
export function testFunction(definition: FunctionDefinition, options: TestOptions = {}): FunctionTester {
  return new FunctionTester(definition, options);
}

export class FunctionTester {
  readonly clock: TestClock;
  readonly state: MemoryState;
  readonly logs: LogLine[] = [];
  readonly published: PublishedEvent[] = [];
  readonly #definition: FunctionDefinition;
  readonly #options: TestOptions;
  readonly #metrics = new MetricBook((text) => this.logs.push({ level: 'warn', message: text, fields: {}, call: '' }));
  #initialised: Promise<void> | undefined;
  #events = 0;

  constructor(definition: FunctionDefinition, options: TestOptions) {
    this.#definition = definition;
    this.#options = options;
    this.clock = options.clock ?? new TestClock();
    this.state = new MemoryState(options.state);
  }

  /** What `ctx.metrics` was given, added up; a refusal is a line of `logs`. */
  get metrics(): MetricSample[] {
    return this.#metrics.since(0);
  }

  /** Handles one event; a `handleBatch` is given a batch of one. Never rejects: what is thrown is an outcome. */
  async event(given: TestEvent = {}): Promise<TestOutcome> {
    const definition = this.#definition;
    if (!('handle' in definition)) return (await this.batch([given]))[0] as TestOutcome;
    const [event] = this.#make([given]);
    const context = this.#context([given], [event as FunctionEvent], event?.id ?? '');
    try {
      await this.init();
      const result = await definition.handle(event as FunctionEvent, context);
      return done(isAsyncIterable(result) ? outputs(await Array.fromAsync(result)) : result);
    } catch (error) {
      return failed(error);
    }
  }

  /** Hands several events to `handleBatch`; one outcome an event. */
  async batch(given: readonly TestEvent[]): Promise<TestOutcome[]> {
    const definition = this.#definition;
    if (!('handleBatch' in definition)) return Promise.all(given.map((event) => this.event(event)));
    const events = this.#make(given);
    try {
      await this.init();
      const results: readonly unknown[] = await definition.handleBatch(events, this.#context(given, events, ''));
      if (!Array.isArray(results) || results.length !== given.length) {
        throw new Error(`handleBatch returned ${results?.length ?? 'no'} results for ${given.length} events`);
      }
      return results.map((result) => (result instanceof Error ? failed(result) : done(result as FunctionResult)));
    } catch (error) {
      return given.map(() => failed(error));
    }
  }

  /** Runs `init` once; rejects with what it throws. */
  init(): Promise<void> {
    const { config = {}, secrets = {} } = this.#options;
    this.#initialised ??= (async () => {
      const init = { config, secrets, function: this.#identity(), log: this.#log(''), metrics: this.#metrics };
      await this.#definition.init?.(init);
    })();
    return this.#initialised;
  }

  async dispose(): Promise<void> {
    await this.#definition.dispose?.();
  }

  #make(given: readonly TestEvent[]): FunctionEvent[] {
    return given.map((one) => makeEvent(one, one.id ?? `test.${++this.#events}`, this.clock.now()));
  }

  #context(given: readonly TestEvent[], events: readonly FunctionEvent[], call: string): FunctionContext {
    const { config = {}, secrets = {}, timeoutMs = defaultTimeoutMs } = this.#options;
    const abort = new AbortController();
    const deadline = this.clock.now() + Math.min(...given.map((event) => event.timeoutMs ?? timeoutMs));
    this.clock.alarm(deadline, () => abort.abort());
    let publishes = 0;
    return {
      config,
      secrets,
      deadline,
      signal: abort.signal,
      attempt: Math.max(...given.map((event) => event.attempt ?? 1)),
      function: this.#identity(),
      log: this.#log(call),
      state: this.state,
      metrics: this.#metrics,
      publish: async (subject: string, data: Uint8Array | string, { headers = {}, id }: PublishOptions = {}) => {
        const own = id ?? `${events[0]?.id}.publish.${publishes++}`;
        this.published.push({ subject, data: encodeData(data), headers, id: own });
      },
    };
  }

  #identity() {
    return { name: this.#options.name ?? 'test', version: 1, digest: 'test', instance: 'test-1', node: 'test' };
  }

  #log(call: string): FunctionLog {
    const at =
      (level: LogLine['level']) =>
      (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
        this.logs.push({ level, message, fields, call });
      };
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }
}

function done(result: FunctionResult): TestOutcome {
  const encoded = encodeResult(result);
  const [first] = encoded;
  const text = first ? new TextDecoder().decode(first.data) : '';
  return { kind: 'done', outputs: encoded, text, json: <T>() => JSON.parse(text) as T };
}

function failed(error: unknown): TestOutcome {
  const failure = readFailure(error);
  if (failure.kind === 'retry') return { kind: 'retry', afterMs: failure.afterMs, error };
  return { kind: failure.kind === 'reject' ? 'reject' : 'failed', error };
}

function isAsyncIterable(value: unknown): value is AsyncIterable<FunctionResult> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
