/** Which node runs what, and how many nodes there should be. */
export type { Placement, PlacementDemand, PlacementNode, Unplaced } from './demand.ts';
export {
  decideNodes,
  type NodeAction,
  type NodeDecision,
  type NodeJob,
  type NodeMemory,
  type NodePolicy,
  type NodeSnapshot,
} from './node-demand.ts';
export { type JobNodes, type PlacedRound, shortSlots, spareJobs } from './node-need.ts';
export { place } from './place.ts';
