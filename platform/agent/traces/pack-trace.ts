/** What is recorded of the members of one pack: each is an event of its own, and may be of a trace of its own. */
import type { CallOutcome, CallRun } from '../call.ts';
import type { EventTrace } from './event-trace.ts';

export class PackTrace {
  /** Members cause what they cause: nothing is caused by the pack as such. */
  readonly headers: [string, string][] = [];
  /** By place in the pack; undefined for a member that is not traced. */
  readonly #members: readonly (EventTrace | undefined)[];

  constructor(members: readonly (EventTrace | undefined)[]) {
    this.#members = members;
  }

  of(place: number): EventTrace | undefined {
    return this.#members[place];
  }

  /** All in one call. */
  handled(outcome: CallOutcome, run: CallRun, nowMs: number): void {
    for (const member of this.#members) member?.handled(outcome, run, nowMs);
  }

  /** The pack is acked or given back, and so are those whose end nobody has told. */
  end(nowMs: number): void {
    for (const member of this.#members) member?.end(nowMs);
  }
}
