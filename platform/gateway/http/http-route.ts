/** Which HTTP trigger a path belongs to. Pure. */
import { httpSubject } from '#common';
import type { FunctionSpec, Trigger } from '#proto';

export interface HttpRoute {
  readonly functionName: string;
  readonly trigger: Trigger;
  /** Of the event that a request becomes. */
  readonly subject: string;
}

/** What a "*" may stand for: it becomes a token of a subject. */
const segmentPattern = /^[A-Za-z0-9_-]{1,128}$/;

export function findRoute(functions: readonly FunctionSpec[], path: string): HttpRoute | undefined {
  const segments = path.split('/').slice(1);
  for (const { name, triggers } of functions) {
    for (const trigger of triggers) {
      const wanted = trigger.http?.path.split('/').slice(1);
      const captured = wanted && match(wanted, segments);
      if (captured) return { functionName: name, trigger, subject: httpSubject(name, trigger.name, captured) };
    }
  }
  return undefined;
}

/** An HTTP trigger of another function that would be given some of the same paths. */
export function overlappingRoute(spec: FunctionSpec, others: readonly FunctionSpec[]): string | undefined {
  const own = spec.triggers.flatMap(({ http }) => (http ? [http.path] : []));
  for (const other of others) {
    if (other.name === spec.name) continue;
    for (const { http } of other.triggers) {
      const path = own.find((candidate) => http && pathsOverlap(candidate, http.path));
      if (path) return `${path} is taken: ${other.name} listens on ${http?.path}`;
    }
  }
  return undefined;
}

function pathsOverlap(one: string, other: string): boolean {
  const left = one.split('/');
  const right = other.split('/');
  return (
    left.length === right.length && left.every((part, at) => part === '*' || right[at] === '*' || part === right[at])
  );
}

function match(wanted: readonly string[], segments: readonly string[]): string[] | undefined {
  if (wanted.length !== segments.length) return undefined;
  const captured: string[] = [];
  for (const [at, part] of wanted.entries()) {
    const segment = segments[at] ?? '';
    if (part !== '*' && part !== segment) return undefined;
    if (part !== '*') continue;
    if (!segmentPattern.test(segment)) return undefined;
    captured.push(segment);
  }
  return captured;
}
