/**
 * AssemblyScript's source maps have holes: its optimiser makes instructions that no line stands for, such as the call that an
 * error is thrown by, and a trap's stack then named a place in bytes. Within a function a hole belongs to what is before it.
 */
import { functionBodies } from '#wasm-abi';

/** A place in the module's bytes, and what it comes from: source, line, column and maybe a name, all counted from 0. */
interface Segment {
  readonly at: number;
  readonly origin: readonly number[] | undefined;
}

/** The map as JSON, without holes in functions that have a line at all. A function begins with its first line. */
export function withoutHoles(module: Uint8Array, json: string): string {
  const map = JSON.parse(json) as { readonly mappings: string };
  const segments = decode(map.mappings);
  const filled: Segment[] = [];
  let next = 0;
  const takeUntil = (place: number) => {
    const from = next;
    while ((segments[next]?.at ?? Infinity) < place) next++;
    return segments.slice(from, next);
  };
  for (const { from, to } of functionBodies(module)) {
    filled.push(...takeUntil(from));
    const own = takeUntil(to).filter(({ origin }) => origin !== undefined);
    const [first, ...others] = own;
    if (first) filled.push({ at: from, origin: first.origin }, ...others, { at: to, origin: undefined });
  }
  filled.push(...takeUntil(Infinity));
  return JSON.stringify({ ...map, mappings: encode(filled) });
}

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** A module's map is one line. */
function decode(mappings: string): Segment[] {
  let at = 0;
  const last = [0, 0, 0, 0];
  return mappings.split(',').flatMap((text) => {
    const [forward, ...changes] = numbersOf(text);
    if (forward === undefined) return [];
    at += forward;
    for (const [index, change] of changes.entries()) last[index] = (last[index] ?? 0) + change;
    return [{ at, origin: changes.length === 0 ? undefined : last.slice(0, changes.length) }];
  });
}

function encode(segments: readonly Segment[]): string {
  let before = 0;
  const last = [0, 0, 0, 0];
  const texts = segments.map(({ at, origin = [] }) => {
    const numbers = [at - before, ...origin.map((value, index) => value - (last[index] ?? 0))];
    before = at;
    for (const [index, value] of origin.entries()) last[index] = value;
    return numbers.map(digitsOf).join('');
  });
  return texts.join(',');
}

/** Base64 VLQ: five bits a digit, the lowest first; the lowest of all is the sign. */
function numbersOf(text: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  let factor = 1;
  for (const letter of text) {
    const digit = digits.indexOf(letter);
    value += (digit % 32) * factor;
    factor *= 32;
    if (digit >= 32) continue;
    numbers.push(value % 2 === 1 ? -(value - 1) / 2 : value / 2);
    value = 0;
    factor = 1;
  }
  return numbers;
}

function digitsOf(number: number): string {
  let text = '';
  for (let left = number < 0 ? 1 - 2 * number : 2 * number; ; left = Math.floor(left / 32)) {
    if (left < 32) return text + digits.charAt(left);
    text += digits.charAt((left % 32) + 32);
  }
}
