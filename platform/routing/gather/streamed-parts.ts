/**
 * Which messages of an open key its function is given, as they come, and when it has all of them (G13). Pure. Each index is
 * given once, like the gatherer counts it. The gatherer alone says when the key closes and with what: what was given before
 * must be the beginning of its list. Where it is not (a part came while a gap was closing the key) the call has to begin
 * anew, and is then given what the list says.
 */
import { type OpenedKey, OpenKey } from './open-key.ts';
import { parsePartMark } from './part-header.ts';

/** What is asked of a message: give it on, pass it over, or the list names one that is not there any more. */
export type StreamedVerdict =
  | { readonly kind: 'give'; readonly part: { readonly kind: string; readonly index: number } }
  | { readonly kind: 'pass' }
  | { readonly kind: 'gone' };

const pass: StreamedVerdict = { kind: 'pass' };

export class StreamedParts {
  readonly #seen: OpenKey;
  readonly #given: number[] = [];
  #listed: readonly number[] | undefined;

  constructor({ key, subject, first, openedAt }: OpenedKey) {
    this.#seen = new OpenKey(key, subject, { sequence: first, timeMs: openedAt }, new Map());
  }

  /** The list is known, and each of it was given. */
  get complete(): boolean {
    return this.#listed !== undefined && this.#given.length === this.#listed.length;
  }

  /** The listed message that comes next; undefined while there is no list, or nothing is left of it. */
  get awaited(): number | undefined {
    return this.#listed?.[this.#given.length];
  }

  /** In the order of the stream, each message once. */
  take(sequence: number, part: string | undefined): StreamedVerdict {
    const mark = parsePartMark(part, undefined);
    if (this.#listed) return this.#takeListed(sequence, mark);
    if (mark.type !== 'part' || this.#seen.takePart(mark.kind, mark.index, sequence, 0) !== 'taken') return pass;
    this.#given.push(sequence);
    return { kind: 'give', part: mark };
  }

  /** The gatherer has closed the key with these. False: something was given that is not among them. */
  close(listed: readonly number[]): boolean {
    this.#listed = listed;
    return this.#given.every((sequence, at) => sequence === listed[at]);
  }

  #takeListed(sequence: number, mark: ReturnType<typeof parsePartMark>): StreamedVerdict {
    const { awaited } = this;
    if (awaited === undefined || sequence < awaited) return pass;
    if (sequence > awaited || mark.type !== 'part') return { kind: 'gone' };
    this.#given.push(sequence);
    return { kind: 'give', part: mark };
  }
}
