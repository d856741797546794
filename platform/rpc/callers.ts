/** Who made a call, kept beside the call: grpc-js has no place for it, and asking its certificate each time costs 40 us. */
import type { Caller } from './connection-book.ts';

export const callers = new WeakMap<object, Caller>();
