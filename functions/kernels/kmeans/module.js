// TypeScript would read sums.as.ts as its own; bundlers compile it.
export { default } from './sums.as.ts';
