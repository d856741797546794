// The analytic phantom: ellipses.ts says what it is, project.ts what a detector line sees of it, truth.ts what the picture should be,
// counts.ts makes detector frames of it, quality.ts measures a picture against its truth.
export { type CountsOptions, createCounts, type PhantomCounts, truthScale } from './counts.ts';
export { type Ellipse, phantomRow, sheppLogan } from './ellipses.ts';
export { type ProjectionGeometry, projectEllipses } from './project.ts';
export { measureQuality, type Quality, type QualityOptions, relativeL2 } from './quality.ts';
export { drawEllipses } from './truth.ts';
