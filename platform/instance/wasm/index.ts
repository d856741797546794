/** WASM functions: a module that keeps to ABI.md, run in the host like any other function. */
export { wasmFunction } from './wasm-function.ts';
