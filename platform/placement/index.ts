/** Which node runs what. */
export { type Placement, type PlacementDemand, type PlacementNode, place } from './place.ts';
