// TypeScript would read gridrec.as.ts as its own; bundlers compile it.
export { default } from './gridrec.as.ts';
