/** Which node runs what. */
export type { Placement, PlacementDemand, PlacementNode, Unplaced } from './demand.ts';
export { place } from './place.ts';
