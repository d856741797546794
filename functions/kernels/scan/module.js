// TypeScript would read flat-field.as.ts as its own; bundlers compile it.
export { default } from './flat-field.as.ts';
