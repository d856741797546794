/** From what a function returned to the messages that are stored of it: their subjects, their ids (R3) and their headers. */
import { type EventName, headerLines, type PulledEvent, publishSubject } from '#broker';
import { type OutputHeader, readOutputHeaders, resultForms } from '#frames';
import type { LeftResult } from '../call.ts';
import type { StoredOutput } from '../claims/output-store.ts';
import type { TriggerRoute } from './trigger-route.ts';

export type EventOutput = Pick<StoredOutput, 'subject' | 'data' | 'left' | 'id' | 'lines'>;

export interface ReturnedResult {
  /** One of `resultForms`. */
  readonly form: number;
  readonly header: string;
  readonly body: Uint8Array;
  readonly left?: LeftResult | undefined;
  readonly spent?: boolean;
}

export interface ResultOf {
  readonly event: PulledEvent;
  readonly name: EventName;
  readonly route: TriggerRoute;
  /** Headers of the trace that it belongs to. */
  readonly trace: readonly [string, string][];
}

/** None where nothing was returned, or the manifest has no `output` for it. Throws where they cannot be published. */
export function outputsOf({ form, header, body, left }: ReturnedResult, of: ResultOf): readonly EventOutput[] {
  if (form === resultForms.none) return [];
  if (form !== resultForms.single) return severalOutputs(readOutputHeaders(header, body.length), body, of);
  const { event, name, route, trace } = of;
  const subject = route.outputSubject(event);
  if (subject === undefined) return [];
  const id = route.outputId(name, 0);
  return [{ subject, data: body, left, id, lines: route.outputLines(id) + headerLines(trace) }];
}

function severalOutputs(
  headers: readonly OutputHeader[],
  body: Uint8Array,
  { event, name, route, trace }: ResultOf,
): EventOutput[] {
  let at = 0;
  return headers.flatMap((output, index) => {
    const data = body.subarray(at, at + output.length);
    at += output.length;
    const subject = output.subject === undefined ? route.outputSubject(event) : publishSubject(output.subject);
    if (subject === undefined) return [];
    const id = route.outputId(name, index);
    const own = authorHeaders(output.headers);
    // What the author says of an attribute stands.
    const said = new Set(own.map(([header]) => header.toLowerCase()));
    const given = [...(route.cloudEvents?.(id) ?? []), ...trace];
    const attributes = given.filter(([header]) => !said.has(header));
    return [{ subject, data, id, lines: route.versionLines + headerLines([...attributes, ...own]) }];
  });
}

/** A result that passes its event's headers on must not claim that event's payload as well, or say that it is a pack. */
const platformHeader = /^(nats-|pilotfish-(version$|claim|pack))/i;

/** A function's own headers; the platform's and the broker's are not for it to set. */
function authorHeaders(headers: Readonly<Record<string, string>> = {}): [string, string][] {
  return Object.entries(headers).filter(([name]) => !platformHeader.test(name));
}
