/**
 * What an instance is kept from, as far as this machine can: see docs/containment.md.
 *   probe.ts      what works here; confine.ts, confine.pl what is done with it; host-plan.ts how an instance's process is started
 *   core-slots.ts processors; memory-watch.ts, group-watch.ts, scratch-watch.ts what is looked at while it runs
 */
export { confiningWords, describeIsolation, pinsCores } from './confine.ts';
export { CoreSlots } from './core-slots.ts';
export { checkGroups, groupCheckMs } from './group-watch.ts';
export { foreignPlan, type HostPlaces, type HostPlan, needsOwnHost, nodePlan } from './host-plan.ts';
export { checkMemory, memoryCheckMs } from './memory-watch.ts';
export { type NodeIsolation, probeIsolation } from './probe.ts';
export { type ScratchOwner, ScratchWatch, scratchCheckMs } from './scratch-watch.ts';
