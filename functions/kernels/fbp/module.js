// TypeScript would read fbp.as.ts as its own; bundlers compile it.
export { default } from './fbp.as.ts';
