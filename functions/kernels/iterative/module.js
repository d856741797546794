// TypeScript would read siddon.as.ts as its own; bundlers compile it.
export { default } from './siddon.as.ts';
