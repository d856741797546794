// Results of functions: slice-output.ts (as events), slice-files.ts (as files besides), chunk-outputs.ts (both, a chunk of rows at a time).
export { chunkOutputs } from './chunk-outputs.ts';
export { type FileOptions, FilesError, fileOptionsOf, writeSliceFiles } from './slice-files.ts';
export { type Provenance, sliceOutput } from './slice-output.ts';
