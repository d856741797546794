/**
 * `pilotfish/testing`: runs a function in a test, without a pilot, with a clock that stands still until it is told to go on.
 *
 *   import { testFunction } from 'pilotfish/testing';
 *   const t = testFunction(definition, { config: { filter: 'shepp' } });
 *   expect((await t.event({ data: 'hello' })).text).toBe('HELLO');
 */
export { type FunctionTester, type TestOptions, testFunction } from './function-tester.ts';
export { MemoryState } from './memory-state.ts';
export { moduleFunction } from './module-function.ts';
export { TestClock } from './test-clock.ts';
export type { LogLine, PublishedEvent, TestEvent, TestOutcome, TestOutput, TestPart } from './test-types.ts';
