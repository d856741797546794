/** What a gatherer writes goes on with the trace of the parts that it stands for. */
import { describe, expect, it } from 'vitest';
import { FunctionVersion, Trigger } from '#proto';
import { compileGather, GatherFold, type StoredPart } from '#routing';
import { gatherLetter, lateLetter, refusedLetter } from '../../platform/agent/gather/gather-letters.ts';

const version = FunctionVersion.fromPartial({ function: 'recon', number: 1, digest: 'd' });
const origin = { version, trigger: 'on0' };
const rules = compileGather(
  Trigger.fromPartial({
    name: 'on0',
    subject: 'scan.*.frame',
    gather: { key: '{1}', gapMs: 1_000, timeoutMs: 60_000 },
  }),
);
const traceparent = (digit: string) => `00-${digit.repeat(32)}-${'b'.repeat(16)}-01`;

function part(sequence: number, digit: string): StoredPart {
  const headers = { traceparent: traceparent(digit), tracestate: 'lab=7' };
  const place = { subject: 'scan.a.frame', sequence, timeMs: sequence, bytes: 1 };
  return { ...place, part: `projection:${sequence}`, expect: undefined, headers };
}

/** As they go over the wire. */
function traceOfLetter({ headers }: ReturnType<typeof lateLetter>): (string | undefined)[] {
  const text = Buffer.from((headers as unknown as { encode(): Uint8Array }).encode()).toString();
  return [/^traceparent: ?(.*?)\r?$/m.exec(text)?.[1], /^tracestate: ?(.*?)\r?$/m.exec(text)?.[1]];
}

describe('the trace of', () => {
  it("a gather is that of its key's first part", () => {
    const fold = new GatherFold(rules, 1e12);
    for (const [sequence, digit] of [
      [1, 'a'],
      [2, 'c'],
    ] as const)
      fold.fold(part(sequence, digit));
    const [closed] = fold.closeDue(1_000_000);
    if (!closed) throw new Error('the key did not close');
    expect(traceOfLetter(gatherLetter(origin, closed, { onIncomplete: 'run' }))).toEqual([traceparent('a'), 'lab=7']);
  });

  it('a late and of a refused part is its own, in the headers and in the letter', () => {
    for (const letter of [lateLetter(origin, 'a', part(3, 'd')), refusedLetter(origin, part(3, 'd'), 'no part')]) {
      expect(traceOfLetter(letter)).toEqual([traceparent('d'), 'lab=7']);
      expect(JSON.parse(Buffer.from(letter.payload).toString())).toMatchObject({ traceparent: traceparent('d') });
    }
  });
});
