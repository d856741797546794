/** Why a process ended, as its last lines say it: its own words, not the addresses that Node prints after them. */
import { expect, it } from 'vitest';
import { LastWords } from '../../platform/agent/instances/last-words.ts';

function explained(...lines: readonly string[]): string {
  const words = new LastWords();
  for (const line of lines) words.add(line);
  return words.explain('it was ended by SIGABRT');
}

it('says what an interpreter wrote last', () => {
  expect(explained()).toBe('it was ended by SIGABRT');
  expect(explained('1', '2', '3', '4')).toBe('it was ended by SIGABRT; it last wrote: 2 | 3 | 4');
});

it('says that the heap was full, and what to do', () => {
  const said = explained(
    '<--- Last few GCs --->',
    '[1:0x2] 474 ms: Mark-Compact 47.3 (80.4) -> 47.3 (80.4) MB',
    'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
    '----- Native stack trace -----',
    ' 1: 0x931db0  [node]',
    ' 2: 0x75968e node::OOMErrorHandler(char const*, v8::OOMDetails const&) [node]',
  );
  expect(said).toContain('it last wrote: FATAL ERROR: Reached heap limit');
  expect(said).toContain('raise that in the manifest');
  expect(said).not.toContain('0x');
});

it('leaves out the addresses of a process that aborts without a word', () => {
  expect(explained('----- Native stack trace -----', ' 1: 0x931db0  [node]')).toBe('it was ended by SIGABRT');
});
