// TypeScript would read peaks.as.ts as its own; bundlers compile it.
export { default } from './peaks.as.ts';
