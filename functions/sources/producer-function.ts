// A source as a function: each of its instances is one producer on whatever node the pilot put it, with a connection of its own to the broker.
// A call starts a producer, the answer tells in lines of JSON how far it is, and at last its report.
import { constants } from 'node:fs';
import { connectEvents } from 'pilotfish/client';
import { defineFunction, type FunctionDefinition, Reject } from 'pilotfish/sdk';
import { builtInSources } from './built-in.ts';
import type { FaultOptions } from './faults.ts';
import { type ProduceOptions, produce } from './produce.ts';
import type { RateProfile } from './rates.ts';
import type { Source, SourceSettings } from './source.ts';

/** What a call says. The seed lets it publish events and nothing else; payloads are never logged. */
export interface ProducerCall {
  readonly connection: Parameters<typeof connectEvents>[0];
  readonly source: string;
  readonly settings: SourceSettings;
  readonly run: string;
  readonly producer: number;
  readonly producers: number;
  /** A recorded rate has its times as plain numbers here. */
  readonly rate: Exclude<RateProfile, { kind: 'recorded' }> | { readonly kind: 'recorded'; readonly times: number[] };
  readonly faults: FaultOptions;
  readonly count?: number;
  readonly seconds?: number;
}

const progressMs = 1_000;

/** `plugIn` is a source that does not come with Pilotfish. */
export function producerFunction(plugIn?: Source): FunctionDefinition {
  return defineFunction({
    async *handle(event, ctx): AsyncGenerator<string, void, void> {
      const call = event.json<ProducerCall>();
      const source = plugIn ?? (Object.hasOwn(builtInSources, call.source) ? builtInSources[call.source] : undefined);
      if (!source) throw new Reject(`there is no source "${call.source}"`);
      const rate: RateProfile =
        call.rate.kind === 'recorded' ? { kind: 'recorded', times: Float64Array.from(call.rate.times) } : call.rate;
      allowFileFlags();
      const opened = await source.open(call.settings, { run: call.run, signal: ctx.signal });
      await using events = await connectEvents(call.connection, 'source');
      const options: ProduceOptions = { ...call, rate, source: opened, sink: events, clock, signal: ctx.signal };
      const done = produce(options).finally(() => opened.close?.());
      for (;;) {
        const report = await Promise.race([done, clock.sleep(progressMs)]);
        if (report) {
          yield `${JSON.stringify({ report })}\n`;
          return;
        }
        yield `${JSON.stringify({ stored: events.counts.acked })}\n`;
      }
    },
  });
}

/**
 * The HDF5 library asks `process.binding` for the flags of open(), which instances may not use: it gets the same flags from the public module,
 * and nothing else.
 */
function allowFileFlags(): void {
  const binding = (name: string): { readonly fs: typeof constants } => {
    if (name === 'constants') return { fs: constants };
    throw new Error(`process.binding("${name}") is not there`);
  };
  Object.defineProperty(process, 'binding', { value: binding, configurable: true });
}

const clock = {
  now: () => performance.now(),
  epoch: () => performance.timeOrigin + performance.now(),
  sleep: (ms: number, signal?: AbortSignal): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        reject(signal.reason);
      },
      { once: true },
    );
    return promise;
  },
};
