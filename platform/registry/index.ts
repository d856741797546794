/** What is deployed, what is wanted, and who may say so. */
export { takeEpoch } from './epoch.ts';
export { latestAlias, previousAlias, type RegisteredFunction, Registry } from './registry.ts';
export { type WantedByFunction, WantedStore } from './wanted-store.ts';
