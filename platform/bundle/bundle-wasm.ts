/** A WASM function: a module as it is, or AssemblyScript that is compiled to one. Checked here, before anybody runs it. */
import { basename, dirname } from 'node:path';
import { formatBytes, PlatformError } from '#common';
import type { FunctionSpec } from '#proto';
import { checkWasmModule, wasmMemoryBytesMax, wasmMemoryBytesMin } from '#wasm-abi';
import { type CompiledModule, compileAssemblyScript, isAssemblyScript } from './assemblyscript.ts';
import { readBuiltModule, readMap } from './built-module.ts';

/** Throws `invalid` for a module that does not keep to the ABI (platform/instance/ABI.md) or wants more memory than it may have. */
export async function bundleWasm(entry: string, spec: FunctionSpec): Promise<CompiledModule> {
  const name = basename(entry);
  const compiled = isAssemblyScript(entry)
    ? await compileAssemblyScript(entry, dirname(entry))
    : readBuiltModule(entry);
  const { module, sourceMap } = compiled;
  const problems = checkWasmModule(module);
  if (problems.length > 0) {
    throw new PlatformError('invalid', problems.map((problem) => `${name}: ${problem}`).join('\n'), {
      hint: 'platform/instance/ABI.md says what a module exports and may import, with an example each in AssemblyScript, C and Rust.',
    });
  }
  if (sourceMap.length > 0) readMap(sourceMap, `${name}.map`);
  const allowed = spec.resources?.memoryBytes ?? 0;
  const least = wasmMemoryBytesMin(module);
  const most = wasmMemoryBytesMax(module);
  const isBounded = most !== undefined && most < addressable;
  if (least > allowed || (isBounded && most > allowed)) {
    const wants = isBounded
      ? `goes from ${formatBytes(least)} to ${formatBytes(most)}`
      : `begins with ${formatBytes(least)}`;
    throw new PlatformError('invalid', `${name}: its memory ${wants}; resources.memory is ${formatBytes(allowed)}`, {
      hint: 'Raise resources.memory in the manifest, or build the module with less.',
    });
  }
  return compiled;
}

/** A maximum of all that 32 bits can address is no limit, only a toolchain's default. */
const addressable = 2 ** 32;
