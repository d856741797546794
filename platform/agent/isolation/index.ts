/** What an instance is kept from, as far as this node can: see docs/containment.md. */
export { confiningWords, describeIsolation, pinsCores } from './confine.ts';
export { CoreSlots } from './core-slots.ts';
export { checkGroups, groupCheckMs } from './group-watch.ts';
export { checkMemory, memoryCheckMs } from './memory-watch.ts';
export { type NodeIsolation, probeIsolation } from './probe.ts';
