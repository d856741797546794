/** Functions' log lines into the LOGS stream, at a bounded rate: a function that writes a gigabyte harms only its own log. */
import type { NatsConnection } from '@nats-io/transport-node';
import { logSubject } from '#broker';
import { type Clock, formatCount } from '#common';

/** A stored log line. */
export interface LogLine {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly node: string;
  readonly level: string;
  /** Id of the call, empty outside of one. */
  readonly call: string;
  /** Id of the trace that the call belongs to; left off where there is none. */
  readonly trace?: string;
  readonly text: string;
}

/** Lines a second and function on one node; a burst may take two seconds' worth. */
const linesPerSecondMax = 500;
const textCharsMax = 8_192;
/** What was dropped is said this long after the first of it. */
const tellDroppedMs = 1_000;

interface Budget {
  tokens: number;
  filledAt: number;
  /** Since it was last said. */
  dropped: number;
  /** It will be said in a moment. */
  isTelling: boolean;
}

/** What an instance has to say. */
export interface LogEntry {
  readonly functionName: string;
  readonly instance: string;
  readonly level: string;
  /** Id of the call, empty outside of one. */
  readonly call: string;
  readonly trace?: string | undefined;
  readonly text: string;
  /** No line, but so many that the instance could not hold: they are counted as dropped here. */
  readonly dropped?: number;
}

export class LogSink {
  readonly #connection: NatsConnection;
  readonly #clock: Clock;
  readonly #node: string;
  readonly #budgets = new Map<string, Budget>();

  constructor(connection: NatsConnection, clock: Clock, node: string) {
    this.#connection = connection;
    this.#clock = clock;
    this.#node = node;
  }

  write({ functionName, instance, level, call, trace, text, dropped = 0 }: LogEntry): void {
    const budget = this.#refill(functionName);
    if (dropped > 0 || budget.tokens < 1) {
      budget.dropped += dropped || 1;
      if (!budget.isTelling) void this.#tellDropped(functionName, instance, budget);
      return;
    }
    budget.tokens--;
    this.#publish({ functionName, instance, level, call, trace, text: text.slice(0, textCharsMax) });
  }

  /** Once a second at most, and also where nothing more is written. */
  async #tellDropped(functionName: string, instance: string, budget: Budget): Promise<void> {
    budget.isTelling = true;
    await this.#clock.sleep(tellDroppedMs);
    const text = `${formatCount(budget.dropped, 'line')} dropped: over ${linesPerSecondMax} a second`;
    budget.isTelling = false;
    budget.dropped = 0;
    this.#publish({ functionName, instance, level: 'warn', call: '', text });
  }

  #publish({ functionName, instance, level, call, trace, text }: LogEntry): void {
    if (this.#connection.isClosed()) return;
    const own = { time: this.#clock.now(), node: this.#node, level, call };
    const line: LogLine = { ...own, ...(trace ? { trace } : {}), text };
    this.#connection.publish(logSubject(functionName, instance), JSON.stringify(line));
  }

  #refill(functionName: string): Budget {
    const now = this.#clock.monotonic();
    const budget = this.#budgets.get(functionName) ?? {
      tokens: 2 * linesPerSecondMax,
      filledAt: now,
      dropped: 0,
      isTelling: false,
    };
    budget.tokens = Math.min(
      2 * linesPerSecondMax,
      budget.tokens + ((now - budget.filledAt) / 1_000) * linesPerSecondMax,
    );
    budget.filledAt = now;
    this.#budgets.set(functionName, budget);
    return budget;
  }
}
