// Results of functions: slice-output.ts (as events), slice-files.ts (as files besides).
export { type FileOptions, FilesError, fileOptionsOf, writeSliceFiles } from './slice-files.ts';
export { type Provenance, sliceOutput } from './slice-output.ts';
