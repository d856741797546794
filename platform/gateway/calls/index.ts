/** Asynchronous calls: calls.ts answers, call-store.ts keeps them in JetStream, call-runner.ts runs them. */
export { Calls } from './calls.ts';
