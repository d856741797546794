/** The contract of WASM functions, as platform/instance/ABI.md says it: checked when one is deployed and when it is loaded. */
export { checkWasmModule, wasiModule, wasmMemoryBytesMax, wasmMemoryBytesMin } from './check-module.ts';
export { moduleMapsField, nameModule } from './name-module.ts';
export { functionBodies } from './read-module.ts';
