/** What a message says about itself as a part: `Pilotfish-Part: <kind>:<index>`, or `end` with `Pilotfish-Expect` (G7, G8). */
import { kindsPerKeyMax, partsPerKeyMax } from './limits.ts';

export const partHeader = 'Pilotfish-Part';
export const expectHeader = 'Pilotfish-Expect';

export type PartMark =
  | { readonly type: 'part'; readonly kind: string; readonly index: number }
  /** Expected counts by kind; undefined where the marker carries none. */
  | { readonly type: 'end'; readonly expected: ReadonlyMap<string, number> | undefined }
  | { readonly type: 'wrong'; readonly reason: string };

const kindPattern = /^[a-z][a-z0-9-]{0,30}$/;
const numberPattern = /^(?:0|[1-9]\d{0,4})$/;

/** Reads both headers' values; undefined stands for a header that is not there. Never throws. */
export function parsePartMark(part: string | undefined, expect: string | undefined): PartMark {
  if (part === undefined || part === '') return wrong(`it has no header ${partHeader}`);
  if (part === 'end') return parseEnd(expect);
  const colon = part.indexOf(':');
  const kind = part.slice(0, colon);
  const digits = part.slice(colon + 1);
  if (colon < 0 || !kindPattern.test(kind) || !numberPattern.test(digits)) {
    return wrong(`${partHeader} is not "<kind>:<index>" or "end"`);
  }
  const index = Number(digits);
  if (index >= partsPerKeyMax) return wrong(`index ${index} is over the bound of ${partsPerKeyMax - 1}`);
  return { type: 'part', kind, index };
}

/** "dark=10,flat=10,projection=180" */
function parseEnd(expect: string | undefined): PartMark {
  if (expect === undefined || expect === '') return { type: 'end', expected: undefined };
  const expected = new Map<string, number>();
  for (const entry of expect.split(',')) {
    const [kind = '', digits = '', ...rest] = entry.trim().split('=');
    const count = Number(digits);
    if (
      rest.length > 0 ||
      !kindPattern.test(kind) ||
      !numberPattern.test(digits) ||
      count > partsPerKeyMax ||
      expected.has(kind)
    ) {
      return wrong(`${expectHeader} is not a list of "<kind>=<count>"`);
    }
    expected.set(kind, count);
  }
  if (expected.size > kindsPerKeyMax) return wrong(`${expectHeader} names more than ${kindsPerKeyMax} kinds`);
  return { type: 'end', expected };
}

function wrong(reason: string): PartMark {
  return { type: 'wrong', reason };
}
