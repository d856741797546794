// The maths of GridRec, pure: no Node, no platform code. What is where:
//   flat-field.ts     counts -> line integrals           scan.ts           input and its checks
//   centre-search.ts  rotation axis (entropy.ts, centre-of-mass.ts)   reconstruct.ts   everything in one call
//   reconstructor.ts  GridRec itself, of spectrum.ts, filter-line.ts, filters.ts, angle-weights.ts, gridding.ts, image.ts
//   fft.ts, pswf.ts   the FFT and the gridding kernel    circular-mask.ts  the disk that every projection sees
export { type CentreSearch, findCentre } from './centre-search.ts';
export { circularMask, isInsideDisk, maskRatioDefault } from './circular-mask.ts';
export { InputError, type InputErrorCode } from './errors.ts';
export { type FilterName, filterNames } from './filters.ts';
export {
  type Counts,
  type FlatField,
  FrameMean,
  minusLog,
  normalise,
  type SinogramShape,
  writeProjection,
} from './flat-field.ts';
export { type ReconstructOptions, reconstruct } from './reconstruct.ts';
export type { GridrecMode, ReconstructorOptions } from './reconstructor.ts';
export type { Scan } from './scan.ts';
