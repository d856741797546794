/**
 * Runs a module that keeps to ABI v1 (../ABI.md). The module is compiled once; one instance of it serves call after call
 * and is replaced after a trap, because nobody knows what state that left.
 */
import { readFileSync } from 'node:fs';
import { formatBytes, PlatformError } from '#common';
import type { LoadHeader } from '#frames';
import { type FunctionDefinition, type FunctionEvent, type FunctionLog, type FunctionResult, outputs } from '#sdk';
import { checkWasmModule } from '#wasm-abi';
import { WasmCall } from './wasm-call.ts';
import type { WasmHost } from './wasm-host.ts';
import { wasmImportsOf } from './wasm-imports.ts';
import { WasmMemory } from './wasm-memory.ts';

interface WasmExports {
  readonly memory: WebAssembly.Memory;
  readonly alloc: (length: number) => number;
  readonly handle: (pointer: number, length: number) => bigint;
  readonly init?: () => void;
  readonly reset?: () => void;
  readonly _initialize?: () => void;
}

/** `handle` signals with it that the call has failed, when it has not said more with `fail`. */
const failed = -1n;
const lowHalf = 0xffff_ffffn;

/** Throws `invalid` for a module that does not keep to the ABI, and what its `init` throws. */
export function wasmFunction(load: LoadHeader, log: FunctionLog): FunctionDefinition {
  const bytes = readFileSync(load.artifact);
  const problems = checkWasmModule(bytes);
  if (problems.length > 0) throw new PlatformError('invalid', `the module cannot be run: ${problems.join('; ')}`);
  const runner = new WasmRunner(new WebAssembly.Module(bytes), load, log);
  return { handle: (event, ctx) => runner.handle(event, ctx.log) };
}

class WasmRunner implements WasmHost {
  readonly memory = new WasmMemory();
  readonly configJson: Uint8Array;
  call: WasmCall;
  readonly #module: WebAssembly.Module;
  readonly #load: LoadHeader;
  readonly #log: FunctionLog;
  #exports: WasmExports | undefined;

  constructor(module: WebAssembly.Module, load: LoadHeader, log: FunctionLog) {
    this.#module = module;
    this.#load = load;
    this.#log = log;
    this.configJson = Buffer.from(JSON.stringify(load.config));
    this.call = new WasmCall(log);
    try {
      this.#instance();
    } catch (error) {
      throw this.call.hasFailed ? error : this.#withLastWords(error);
    } finally {
      this.call.flushLines();
    }
  }

  handle(event: FunctionEvent, log: FunctionLog): FunctionResult {
    this.call = new WasmCall(log);
    try {
      const result = this.#run(this.#instance(), event.data);
      if (this.memory.bytes > this.#load.memoryBytes) throw this.#tooMuchMemory();
      return result;
    } catch (error) {
      // A failure that the module reported itself leaves it whole; a trap or an abort does not.
      if (this.call.hasFailed) throw error;
      this.#exports = undefined;
      throw this.#withLastWords(error);
    } finally {
      this.call.flushLines();
    }
  }

  #run(exports: WasmExports, data: Uint8Array): FunctionResult {
    const pointer = data.length === 0 ? 0 : exports.alloc(data.length) >>> 0;
    if (data.length > 0) {
      if (pointer === 0) throw new PlatformError('function-failed', `alloc(${data.length}) gave no memory`);
      this.memory.write(pointer, data, 'alloc');
    }
    const packed = exports.handle(pointer, data.length);
    const failure = this.call.takeFailure();
    if (failure) throw failure;
    if (packed === failed) throw new PlatformError('function-failed', 'handle returned -1 without saying why');
    const result = this.#resultOf(packed);
    exports.reset?.();
    return result;
  }

  #resultOf(packed: bigint): FunctionResult {
    const { emitted } = this.call;
    const pointer = Number((packed >> 32n) & lowHalf);
    // Copied: the module may write there again before the frame has left the process.
    const own = packed === 0n ? undefined : this.memory.view(pointer, Number(packed & lowHalf), 'handle').slice();
    if (emitted.length === 0) return own;
    return outputs(own === undefined ? emitted : [own, ...emitted]);
  }

  #instance(): WasmExports {
    if (this.#exports) return this.#exports;
    const { exports } = new WebAssembly.Instance(this.#module, wasmImportsOf(this.#module, this));
    const typed = exports as unknown as WasmExports;
    this.memory.attach(typed.memory);
    typed._initialize?.();
    typed.init?.();
    const failure = this.call.takeFailure();
    if (failure) throw failure;
    this.call.flushLines();
    this.#exports = typed;
    return typed;
  }

  /** A panic says on stderr what is wrong, and its trap nothing but "unreachable". */
  #withLastWords(error: unknown): unknown {
    const { lastWords } = this.call;
    if (error instanceof Error && lastWords !== '') error.message += `; it last wrote: ${lastWords}`;
    return error;
  }

  #tooMuchMemory(): PlatformError {
    const { memoryBytes } = this.#load;
    this.#log.error(`the module's memory has grown to ${formatBytes(this.memory.bytes)}`);
    return new PlatformError(
      'function-failed',
      `the module's memory is over the limit of ${formatBytes(memoryBytes)}`,
      {
        hint: 'Free what is not needed, or raise resources.memory.',
      },
    );
  }
}
