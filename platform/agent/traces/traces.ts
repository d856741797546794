/** The agent's side of tracing: which events are recorded, and where their spans go. Absent where nothing is traced. */
import { pathToFileURL } from 'node:url';
import { type EventName, eventName, ownHeaders, type PulledEvent } from '#broker';
import type { Clock } from '#common';
import type { AgentConfig } from '#model';
import { isPlainPack, memberCount } from '#packs';
import type { SpanSink } from '#telemetry';
import { EventTrace } from './event-trace.ts';
import { PackTrace } from './pack-trace.ts';
import { placeInTrace, type TracePlace, versionHeader } from './sampling.ts';
import type { TracedWork } from './span-kinds.ts';

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
  /** Since when it could have run: it was stored, or came to the gateway. */
  readonly dueMs?: number | undefined;
}

/** What is called. */
export interface TracedVersion {
  readonly function: string;
  readonly number: number;
}

/** What of a trigger stands in its spans. */
export interface TracedRoute extends TracedWork {
  readonly triggerName: string;
  readonly stream: string;
  subjectOf(event: PulledEvent): string;
  idOf(event: EventName): string;
}

const noHeaders = {};

export class Traces {
  readonly #options: TracesOptions;
  readonly #works = new WeakMap<TracedVersion, TracedWork>();

  constructor(options: TracesOptions) {
    this.#options = options;
  }

  /** Undefined for an event that is not traced. */
  begin(event: PulledEvent, route: TracedRoute, attempt: number): EventTrace | undefined {
    const place = this.#placeOf(event, route, ownHeaders(event));
    return place && this.#traceOf(event, route, place, attempt);
  }

  /**
   * Undefined for a pack without a traced member. Members without headers share a lot, that of the pack's place in the stream.
   * `members` opens it, and leaves undefined those that are not for the function.
   */
  beginPack(
    pack: PulledEvent,
    route: TracedRoute,
    members: () => readonly (PulledEvent | undefined)[],
    attempt: number,
  ): PackTrace | undefined {
    const version = ownHeaders(pack)[versionHeader];
    const common = version === undefined ? noHeaders : { [versionHeader]: version };
    const { data } = pack.message;
    // Most need not be opened for it.
    if (isPlainPack(data, memberCount(data)) && !this.#placeOf(pack, route, common)) return undefined;
    const traces = members().map((member) => {
      const place = member && this.#placeOf(member, route, { ...common, ...ownHeaders(member) });
      return place && member && this.#traceOf(member, route, place, attempt);
    });
    return traces.some((trace) => trace !== undefined) ? new PackTrace(traces) : undefined;
  }

  #placeOf(event: PulledEvent, { stream }: TracedRoute, headers: Readonly<Record<string, string>>) {
    const { ratio, pilot } = this.#options;
    return placeInTrace({ stream, sequence: event.streamSequence, name: eventName(event), headers }, ratio, pilot);
  }

  #traceOf(event: PulledEvent, route: TracedRoute, place: TracePlace, attempt: number): EventTrace {
    const { sink, clock } = this.#options;
    const traced = {
      of: route,
      subject: route.subjectOf(event),
      eventId: route.idOf(eventName(event)),
      attempt,
      dueMs: Math.max(event.timeMs, event.retry?.notBeforeMs ?? 0),
    };
    return new EventTrace(traced, place, sink, clock.now());
  }

  /** A call, where whoever calls wants it recorded. */
  beginCall(version: TracedVersion, call: TracedCall): EventTrace | undefined {
    const { sink, pilot, clock } = this.#options;
    const place = placeInTrace({ stream: '', sequence: 0, name: '', headers: call.headers }, 0, pilot);
    if (!place) return undefined;
    const now = clock.now();
    const of = this.#workOf(version);
    return new EventTrace(
      { of, eventId: call.id, subject: '', attempt: 1, dueMs: call.dueMs ?? now },
      place,
      sink,
      now,
    );
  }

  #workOf(version: TracedVersion): TracedWork {
    let work = this.#works.get(version);
    if (!work) {
      work = { functionName: version.function, versionNumber: version.number };
      this.#works.set(version, work);
    }
    return work;
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
