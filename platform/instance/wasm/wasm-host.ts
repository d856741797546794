/** What the imports of a module work on. */
import type { WasmCall } from './wasm-call.ts';
import type { WasmMemory } from './wasm-memory.ts';

export interface WasmHost {
  readonly memory: WasmMemory;
  /** The call that runs now. */
  readonly call: WasmCall;
  readonly configJson: Uint8Array;
}
