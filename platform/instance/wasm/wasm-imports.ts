/** What a module may import: ABI v1, and the little of WASI that toolchains need. */
import { PlatformError } from '#common';
import { wasiModule } from '#wasm-abi';
import { wasiFunctions, wasiUnsupported } from './wasi.ts';
import type { WasmHost } from './wasm-host.ts';

type Functions = Record<string, (...values: number[]) => unknown>;

export function wasmImportsOf(module: WebAssembly.Module, host: WasmHost): WebAssembly.Imports {
  const wasi: WebAssembly.Imports[string] = { ...wasiFunctions(host) };
  // Whatever else of WASI a library was linked with is there, and says that it does nothing.
  for (const { module: from, name } of WebAssembly.Module.imports(module))
    if (from === wasiModule) wasi[name] ??= wasiUnsupported;
  return { pilotfish: abiFunctions(host), env: assemblyScriptFunctions(host), [wasiModule]: wasi };
}

function abiFunctions(host: WasmHost): Functions {
  const { memory, configJson } = host;
  return {
    log: (level = 1, pointer = 0, length = 0) => host.call.log(level, memory.text(pointer, length, 'log')),
    emit: (subject = 0, subjectLength = 0, pointer = 0, length = 0) =>
      host.call.emit(memory.text(subject, subjectLength, 'emit'), memory.view(pointer, length, 'emit')),
    fail: (kind = 0, pointer = 0, length = 0) => host.call.fail(kind, memory.text(pointer, length, 'fail')),
    config: (pointer = 0, capacity = 0) => {
      memory.write(pointer, configJson.subarray(0, capacity >>> 0), 'config');
      return configJson.length;
    },
    now: () => Date.now(),
    random: (pointer = 0, length = 0) => memory.fillRandom(pointer, length, 'random'),
  };
}

/** AssemblyScript's library aborts and seeds through these; its strings are UTF-16, their bytes counted before them. */
function assemblyScriptFunctions({ memory }: WasmHost): Functions {
  const text = (pointer: number) => {
    if (pointer === 0) return '';
    const bytes = memory.getUint32(pointer - 4, 'abort');
    return Buffer.from(memory.view(pointer, bytes, 'abort')).toString('utf16le');
  };
  return {
    abort: (message = 0, file = 0, line = 0, column = 0) => {
      throw new PlatformError('function-failed', `${text(message) || 'abort'} at ${text(file)}:${line}:${column}`);
    },
    seed: () => Math.random(),
  };
}
