/** What is deployed, what is wanted, and who may say so. */
export { GatewayEpoch } from './epoch.ts';
export { latestAlias, previousAlias, type RegisteredFunction, Registry } from './registry.ts';
export { ScaleStore } from './scale-store.ts';
export { type TriggerRecord, TriggerStates } from './trigger-states.ts';
export { type WantedByFunction, WantedStore } from './wanted-store.ts';
