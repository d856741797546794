/** Spans of a pack's members: which of them are traced, under whose trace, and that each has an end of its own. */
import { headers as newHeaders } from '@nats-io/transport-node';
import { describe, expect, it } from 'vitest';
import { membersOf, type PulledEvent } from '#broker';
import { systemClock } from '#common';
import { describePack, encodePack, packHeader } from '#packs';
import type { FinishedSpan, RecordedSpan } from '#telemetry';
import { type TracedRoute, Traces } from '../../platform/agent/traces/traces.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const source = 'b7ad6b7169203331';
const traced = JSON.stringify({ traceparent: `00-${traceId}-${source}-01` });
const untraced = JSON.stringify({ traceparent: `00-${'a'.repeat(32)}-${source}-00` });

const route: TracedRoute = {
  stream: 'EVENTS',
  functionName: 'f',
  versionNumber: 1,
  triggerName: 'on0',
  subjectOf: () => 'in',
  idOf: (name) => `f.on0.EVENTS.${name}`,
};

function packOf(members: readonly string[], version?: string): PulledEvent {
  const headers = newHeaders();
  headers.set(packHeader, describePack(members.length));
  if (version !== undefined) headers.set('Pilotfish-Version', version);
  const data = encodePack(members.map((own) => ({ headers: own, payload: Buffer.from('x') })));
  return {
    message: { data, subject: 'ev.in', headers },
    subject: 'ev.in',
    ackSubject: 'ack',
    streamSequence: 7,
    deliveries: 1,
    timeMs: systemClock.now(),
  };
}

function begin(pack: PulledEvent, ratio: number) {
  const spans: FinishedSpan[] = [];
  const sink = { add: (span: RecordedSpan) => void spans.push(span.finished()), close: async () => undefined };
  let opened = 0;
  const members = () => {
    opened++;
    return membersOf(pack);
  };
  const trace = new Traces({ sink, ratio, pilot: 'p', clock: systemClock }).beginPack(pack, route, members, 1);
  return { trace, spans, opened: () => opened };
}

describe('a pack', () => {
  it('is traced member by member: those whose sources want it, each below its own parent', () => {
    const { trace, spans } = begin(packOf([traced, untraced, '', traced]), 0);
    const now = systemClock.now();
    trace?.handled({ kind: 'timeout', timeoutMs: 5 }, { instance: 'i', ms: 0 }, now);
    trace?.of(3)?.end(now);
    trace?.end(now);
    const ends = spans.filter(({ of }) => of.name === 'process f');
    const ids = ends.map(({ attributes }) => attributes['messaging.message.id']);
    expect(ids).toEqual(['f.on0.EVENTS.7-3', 'f.on0.EVENTS.7-0']);
    for (const end of ends) expect(end).toMatchObject({ traceId, parentId: source, error: 'ran longer than 5 ms' });
    expect(trace?.of(1) ?? trace?.of(2)).toBeUndefined();
    expect(trace?.of(0)?.traceparent).toContain(traceId);
  });

  it('without headers is in the share or not, and is opened only where it is', () => {
    const plain = packOf(['', '']);
    const none = begin(plain, 0);
    expect([none.trace, none.opened()]).toEqual([undefined, 0]);
    const all = begin(plain, 1);
    const ids = [0, 1].map((place) => all.trace?.of(place)?.traceparent.slice(3, 35));
    expect(new Set(ids).size).toBe(2);
    expect(ids).not.toContain(undefined);
  });

  it('of results is not traced where its events were not, whatever the share', () => {
    const { trace } = begin(packOf(['', traced], 'f:1:abc'), 1);
    expect(trace?.of(0)).toBeUndefined();
    expect(trace?.of(1)?.traceparent.slice(3, 35)).toBe(traceId);
    expect(begin(packOf([''], 'f:1:abc'), 1).trace).toBeUndefined();
  });
});
