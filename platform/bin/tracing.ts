/** What an agent loads where traces are wanted: a file of its own, so that the others carry none of it. */
export { openSpanSink } from '#tracing';
