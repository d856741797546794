// The maths of tomography, pure: no Node, no platform code. What is where:
//   scan/       what a reconstruction is given and its checks; flat field and minus log; the circular mask
//   fourier/    FFT, filters
//   gridrec/    GridRec: reconstruct.ts is everything in one call, reconstructor.ts the steps
//   iterative/  ML-EM, OSEM, SIRT and plain back-projection along rays (rays.ts)
//   fbp/        filtered back-projection
//   centre/     the rotation axis: entropy, Vo's method, phase correlation, centre of mass
//   rings/      stripes out of a sinogram
//   peaks/      peaks of a diffraction frame
//   kmeans/     streaming k-means
//   wasm/       the memory of a kernel
// NAME.as.ts is the SIMD kernel, simd-*.ts calls it, module.js imports it for a function's bundle; the plain version beside it is the
// second opinion.
export { type CentreSearch, findCentre } from './centre/centre-search.ts';
export { oppositeProjections } from './centre/opposite-projections.ts';
export { findCentreByPhase, isWholeInView, type OppositeProjections } from './centre/phase-correlation.ts';
export { findCentreVo } from './centre/vo-search.ts';
export type { FbpOptions } from './fbp/fbp-options.ts';
export { reconstructFbp } from './fbp/reconstruct-fbp.ts';
export { type FilterName, filterNames } from './fourier/filters.ts';
export type { GridrecMode, ReconstructorOptions } from './gridrec/plan.ts';
export { type ReconstructOptions, ReconstructorCache, reconstruct } from './gridrec/reconstruct.ts';
export { StreamingGridrec, type StreamingGridrecOptions } from './gridrec/streaming-gridrec.ts';
export type { BackProjectOptions } from './iterative/back-project.ts';
export {
  type BlockOrder,
  blocksDefault,
  type IterativeAlgorithm,
  type IterativeOptions,
  iterationsDefault,
  iterativeAlgorithms,
} from './iterative/iterative-options.ts';
export { backProject, reconstructIterative, updateWithAngles } from './iterative/reconstruct-iterative.ts';
export {
  type MergeCounts,
  type MergeOptions,
  mergeParts,
  type PartialSums,
  type SharedModel,
  sharedModel,
  stepsMax,
} from './kmeans/shared-model.ts';
export {
  addSums,
  type BatchSums,
  decayOfHalfLife,
  type KMeansModel,
  type KMeansOptions,
  startModel,
  updateModel,
} from './kmeans/streaming-kmeans.ts';
export { sumBatch } from './kmeans/sum-batch.ts';
export { findPeaks, type Peak, type PeakOptions, peaksMax } from './peaks/find-peaks.ts';
export { ExcessKernel } from './peaks/simd-excess.ts';
export { removeRings, ringWidthDefault } from './rings/remove-rings.ts';
export { circularMask, isInsideDisk, maskRatioDefault } from './scan/circular-mask.ts';
export { scanDoubts } from './scan/doubts.ts';
export { InputError, type InputErrorCode } from './scan/errors.ts';
export {
  assertFiniteCounts,
  type Counts,
  type FlatField,
  FrameMean,
  minusLog,
  normalise,
  type SinogramShape,
  writeProjection,
} from './scan/flat-field.ts';
export type { GridShape } from './scan/grid.ts';
export { assertAngle, assertScan, type Scan } from './scan/scan.ts';
export { withLineKernel } from './scan/simd-lines.ts';
