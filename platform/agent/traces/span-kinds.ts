/** What the spans of a function's events have in common: their names, and the attributes that are the same in all of them. */
import type { SpanKind } from '#telemetry';

/** Whose events they are: the same object in all of them. */
export interface TracedWork {
  readonly functionName: string;
  readonly versionNumber: number;
  /** Absent: they are calls, not events. */
  readonly triggerName?: string;
}

export const partKinds = {
  wait: partKind('wait in the queue', 'internal'),
  handOver: partKind('hand-over', 'internal'),
  handler: partKind('handler', 'internal'),
  publish: partKind('publish', 'producer'),
} as const;

function partKind(name: string, kind: SpanKind['kind']): SpanKind {
  return { name, kind, attributes: {} };
}

export function isCall({ triggerName }: TracedWork): boolean {
  return triggerName === undefined;
}

const kinds = new WeakMap<TracedWork, SpanKind>();

/** The same for the same `work`. */
export function kindOf(work: TracedWork): SpanKind {
  let kind = kinds.get(work);
  if (!kind) {
    kind = makeKind(work);
    kinds.set(work, kind);
  }
  return kind;
}

function makeKind({ functionName, versionNumber, triggerName }: TracedWork): SpanKind {
  const own = { 'pilotfish.function': functionName, 'pilotfish.version': versionNumber };
  if (triggerName === undefined) return { name: `call ${functionName}`, kind: 'server', attributes: own };
  const ofMessages = { 'messaging.system': 'nats', 'messaging.operation.type': 'process' };
  const attributes = { ...ofMessages, 'pilotfish.trigger': triggerName, ...own };
  return { name: `process ${functionName}`, kind: 'consumer', attributes };
}
