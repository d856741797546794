// TypeScript would read rings.as.ts as its own; bundlers compile it.
export { default } from './rings.as.ts';
