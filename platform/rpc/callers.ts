/**
 * Who made a call, kept on the call itself: grpc-js has no place for it, and asking its certificate each time costs 40 us. Not
 * in a WeakMap, which the garbage collector looks through at every turn: 1 us a call.
 */
import type { Caller } from './connection-book.ts';

const caller = Symbol('caller');

export const callers = {
  get: (call: object): Caller | undefined => (call as { [caller]?: Caller })[caller],
  set(call: object, who: Caller): void {
    (call as { [caller]?: Caller })[caller] = who;
  },
};
