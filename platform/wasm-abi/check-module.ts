/** ABI v1 of WASM functions (platform/instance/ABI.md): what a module must export, and all that it may import. */
import { nearestName } from '#common';
import { readWasmModule, type WasmImport, type WasmModuleFacts } from './read-module.ts';

/** Exports with their types. A test holds the page's tables against these. */
export const requiredExports: Readonly<Record<string, string>> = {
  memory: 'memory',
  alloc: '(i32) -> i32',
  handle: '(i32 i32) -> i64',
};

export const optionalExports: Readonly<Record<string, string>> = {
  init: '() -> nothing',
  reset: '() -> nothing',
  _initialize: '() -> nothing',
};

/** Imports by "module.name". */
export const wasmImports: Readonly<Record<string, string>> = {
  'pilotfish.log': '(i32 i32 i32) -> nothing',
  'pilotfish.emit': '(i32 i32 i32 i32) -> nothing',
  'pilotfish.fail': '(i32 i32 i32) -> nothing',
  'pilotfish.config': '(i32 i32) -> i32',
  'pilotfish.now': '() -> f64',
  'pilotfish.random': '(i32 i32) -> nothing',
  // What AssemblyScript's own library calls.
  'env.abort': '(i32 i32 i32 i32) -> nothing',
  'env.seed': '() -> f64',
};

/** WASI preview 1: the functions that do something; any other of its names is there and answers ENOSYS. */
export const wasiModule = 'wasi_snapshot_preview1';

const wasiNames: ReadonlySet<string> = new Set(
  `args_get args_sizes_get clock_res_get clock_time_get environ_get environ_sizes_get fd_advise fd_allocate fd_close
  fd_datasync fd_fdstat_get fd_fdstat_set_flags fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size
  fd_filestat_set_times fd_pread fd_prestat_dir_name fd_prestat_get fd_pwrite fd_read fd_readdir fd_renumber fd_seek
  fd_sync fd_tell fd_write path_create_directory path_filestat_get path_filestat_set_times path_link path_open
  path_readlink path_remove_directory path_rename path_symlink path_unlink_file poll_oneoff proc_exit proc_raise
  random_get sched_yield sock_accept sock_recv sock_send sock_shutdown`.split(/\s+/),
);

const pageBytes = 64 * 2 ** 10;

/** Problems in words, in no more lines than there are; empty for a module that can be run. Never throws. */
export function checkWasmModule(bytes: Uint8Array): readonly string[] {
  if (bytes.length < 8 || Buffer.from(bytes.subarray(0, 4)).toString('latin1') !== '\0asm') {
    return ['it does not begin like a WebAssembly module'];
  }
  if (!isValid(bytes)) return ['it is cut off or damaged: V8 does not take it as a WebAssembly module'];
  let facts: WasmModuleFacts;
  try {
    facts = readWasmModule(bytes);
  } catch (error) {
    return [`it uses what this ABI does not know: ${(error as Error).message}`];
  }
  return [...exportProblems(facts), ...facts.imports.flatMap(importProblems), ...memoryProblems(facts)];
}

/** Bytes that its memory may grow to by its own limits; undefined where it names none. */
export function wasmMemoryBytesMax(bytes: Uint8Array): number | undefined {
  const pages = readWasmModule(bytes).memory?.maximumPages;
  return pages === undefined ? undefined : pages * pageBytes;
}

/** Bytes that its memory begins with. */
export function wasmMemoryBytesMin(bytes: Uint8Array): number {
  return (readWasmModule(bytes).memory?.initialPages ?? 0) * pageBytes;
}

function isValid(bytes: Uint8Array): boolean {
  try {
    return WebAssembly.validate(bytes);
  } catch {
    // Engines may give up on what is too large; that is no module for us either.
    return false;
  }
}

function exportProblems({ exports }: WasmModuleFacts): string[] {
  const problems: string[] = [];
  for (const [name, type] of Object.entries(requiredExports)) {
    const found = exports.get(name);
    if (found === undefined) problems.push(`it does not export \`${name}\` ${type}`);
    else if (found !== type) problems.push(`its export \`${name}\` is ${found} and must be ${type}`);
  }
  for (const [name, type] of Object.entries(optionalExports)) {
    const found = exports.get(name);
    if (found !== undefined && found !== type) problems.push(`its export \`${name}\` is ${found} and must be ${type}`);
  }
  if (exports.has('_start')) {
    problems.push('it exports `_start`: it was built as a command; build a reactor (clang -mexec-model=reactor)');
  }
  return problems;
}

function importProblems({ module, name, type }: WasmImport): string[] {
  const full = `${module}.${name}`;
  if (module === wasiModule && wasiNames.has(name)) return [];
  const wanted = wasmImports[full];
  if (wanted === type) return [];
  if (wanted !== undefined) return [`it imports \`${full}\` as ${type}; it is ${wanted}`];
  const near = nearestName(full, [
    ...Object.keys(wasmImports),
    ...[...wasiNames].map((each) => `${wasiModule}.${each}`),
  ]);
  return [`it imports \`${full}\`, which there is not${near ? ` (did you mean \`${near}\`?)` : ''}`];
}

function memoryProblems({ memory }: WasmModuleFacts): string[] {
  const problems: string[] = [];
  if (memory?.is64) problems.push('its memory is 64-bit (memory64): build it for 32-bit pointers');
  if (memory?.shared) problems.push('its memory is shared (threads): build it without threads');
  return problems;
}
