/** What is recorded of one traced event on this node: it waits, is handed over, is handled, and its results are stored. */
import { randomBytes } from 'node:crypto';
import { formatTraceparent } from '#common';
import type { FinishedSpan, RecordedSpan, SpanKind, SpanPart, SpanSink } from '#telemetry';
import type { CallOutcome, CallRun } from '../call.ts';
import type { TracePlace } from './sampling.ts';
import { isCall, kindOf, partKinds, type TracedWork } from './span-kinds.ts';

export interface TracedEvent {
  readonly of: TracedWork;
  readonly subject: string;
  readonly eventId: string;
  readonly attempt: number;
  /** From when on it could have been handled, milliseconds since 1970. */
  readonly dueMs: number;
}

const idDigits = 16;

export class EventTrace implements RecordedSpan {
  /** It waits, is handed over, is handled, and its results are stored. */
  readonly spans = 5;
  /** What comes of the event is caused by this. */
  readonly traceparent: string;
  readonly #spanId = newSpanId();
  readonly #place: TracePlace;
  readonly #event: TracedEvent;
  readonly #sink: SpanSink;
  readonly #takenMs: number;
  #handled: { readonly fromMs: number; readonly atMs: number; readonly instance: string } | undefined;
  #outcome = 'given back';
  #error: string | undefined;
  /** 0 until it is over. */
  #endMs = 0;

  constructor(event: TracedEvent, place: TracePlace, sink: SpanSink, nowMs: number) {
    this.#event = event;
    this.#place = place;
    this.#sink = sink;
    this.#takenMs = nowMs;
    this.traceparent = formatTraceparent({ traceId: place.traceId, spanId: this.#spanId, sampled: true });
  }

  /** As headers of what comes of the event. */
  get headers(): [string, string][] {
    const { traceState } = this.#place;
    const own: [string, string] = ['traceparent', this.traceparent];
    return traceState === undefined ? [own] : [own, ['tracestate', traceState]];
  }

  handled(outcome: CallOutcome, { instance, ms, beganMs }: CallRun, nowMs: number): void {
    this.#outcome = outcome.kind;
    this.#error = errorOf(outcome);
    if (instance === '') return;
    // It cannot have begun before it was taken, whatever an instance says.
    const fromMs = Math.min(Math.max(beganMs ?? nowMs - ms, this.#takenMs), nowMs);
    this.#handled = { fromMs, atMs: Math.min(fromMs + ms, nowMs), instance };
  }

  end(nowMs: number): void {
    if (this.#endMs > 0) return;
    this.#endMs = nowMs;
    this.#sink.add(this);
  }

  /** Made when it is sent, with those of a second: one traced event among many finds no cache warm. */
  finished(): FinishedSpan {
    const { of, subject, eventId, attempt, dueMs } = this.#event;
    // The stream's clock may be another machine's.
    const startMs = Math.min(dueMs, this.#takenMs);
    const ofMessage = {
      'messaging.destination.name': subject,
      'messaging.message.id': eventId,
      'pilotfish.attempt': attempt,
    };
    const attributes = {
      ...(isCall(of) ? { 'pilotfish.call': eventId } : ofMessage),
      'pilotfish.outcome': this.#outcome,
      ...(this.#handled ? { 'pilotfish.instance': this.#handled.instance } : {}),
    };
    const { traceId, parentId, traceState } = this.#place;
    return {
      of: kindOf(of),
      traceId,
      spanId: this.#spanId,
      parentId,
      traceState,
      startMs,
      endMs: Math.max(startMs, this.#endMs),
      attributes,
      error: this.#error,
      parts: this.#parts(startMs),
    };
  }

  #parts(startMs: number): SpanPart[] {
    const parts = [partOf(partKinds.wait, startMs, this.#takenMs)];
    if (!this.#handled) return parts;
    const { fromMs, atMs } = this.#handled;
    parts.push(partOf(partKinds.handOver, this.#takenMs, fromMs), partOf(partKinds.handler, fromMs, atMs));
    if (this.#outcome === 'result' && !isCall(this.#event.of)) parts.push(partOf(partKinds.publish, atMs, this.#endMs));
    return parts;
  }
}

function partOf(of: SpanKind, startMs: number, endMs: number): SpanPart {
  return { of, spanId: newSpanId(), startMs, endMs: Math.max(startMs, endMs) };
}

function errorOf(outcome: CallOutcome): string | undefined {
  switch (outcome.kind) {
    case 'result':
      return undefined;
    case 'failed':
      return outcome.error.message;
    case 'timeout':
      return `ran longer than ${outcome.timeoutMs} ms`;
    case 'lost':
    case 'unstartable':
      return outcome.reason;
  }
}

/** Random digits come cheaper by the page than by the id. */
const pageIds = 1_024;
let page = '';
let at = 0;

function newSpanId(): string {
  if (at === page.length) {
    page = randomBytes(pageIds * (idDigits / 2)).toString('hex');
    at = 0;
  }
  at += idDigits;
  return page.slice(at - idDigits, at);
}
