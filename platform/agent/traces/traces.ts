/** The agent's side of tracing: which events are recorded, and where their spans go. Absent where nothing is traced. */
import { pathToFileURL } from 'node:url';
import { headersOf, ownHeaders, type PulledEvent } from '#broker';
import type { Clock } from '#common';
import type { AgentConfig } from '#model';
import type { SpanSink } from '#telemetry';
import type { TriggerRoute } from '../trigger-route.ts';
import { EventTrace } from './event-trace.ts';
import { placeInTrace } from './sampling.ts';

export interface TracesOptions {
  readonly sink: SpanSink;
  /** Of events whose source says nothing, this share is traced: 0 to 1. */
  readonly ratio: number;
  readonly pilot: string;
  readonly clock: Clock;
}

/** A call that a client or another function makes. */
export interface TracedCall {
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
}

const noHeaders = {};

export class Traces {
  readonly #options: TracesOptions;

  constructor(options: TracesOptions) {
    this.#options = options;
  }

  /** Undefined for an event that is not traced. */
  begin(event: PulledEvent, route: TriggerRoute, eventId: string, attempt: number): EventTrace | undefined {
    const { sink, ratio, pilot, clock } = this.#options;
    // Most events of a fast source have none: they are not worth a look.
    const headers = headersOf(event.message) ? ownHeaders(event) : noHeaders;
    const origin = { stream: route.stream, sequence: event.streamSequence, headers };
    const place = placeInTrace(origin, ratio, pilot);
    if (!place) return undefined;
    const traced = {
      functionName: route.functionName,
      version: route.versionNumber,
      trigger: route.triggerName,
      subject: route.subjectOf(event),
      eventId,
      attempt,
      dueMs: Math.max(event.timeMs, event.retry?.notBeforeMs ?? 0),
    };
    return new EventTrace(traced, place, sink, clock.now());
  }

  /** A call, where whoever calls wants it recorded. */
  beginCall(version: { readonly function: string; readonly number: number }, call: TracedCall): EventTrace | undefined {
    const { sink, pilot, clock } = this.#options;
    const place = placeInTrace({ stream: '', sequence: 0, headers: call.headers }, 0, pilot);
    if (!place) return undefined;
    const now = clock.now();
    const own = { functionName: version.function, version: version.number, eventId: call.id };
    return new EventTrace({ ...own, trigger: '', subject: '', attempt: 1, dueMs: now }, place, sink, now);
  }

  close(): Promise<void> {
    return this.#options.sink.close();
  }
}

interface TracingScript {
  readonly openSpanSink: (options: { endpoint: string; resource: Record<string, string> }) => SpanSink;
}

/** Loads what speaks OpenTelemetry only where it is wanted. */
export async function openTraces(
  { pilot, node, traces }: Pick<AgentConfig, 'pilot' | 'node' | 'traces'>,
  script: string,
  clock: Clock,
): Promise<Traces | undefined> {
  if (traces === undefined) return undefined;
  const { openSpanSink } = (await import(pathToFileURL(script).href)) as TracingScript;
  const resource = { 'service.name': 'pilotfish', 'service.instance.id': `${pilot}.${node}`, 'host.name': node };
  return new Traces({ sink: openSpanSink({ endpoint: traces.endpoint, resource }), ratio: traces.ratio, pilot, clock });
}
