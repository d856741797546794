/** A WASM module as a function that can be tested: what of ABI v1 a test needs, without WASI and without limits. */
/// <reference path="./webassembly.d.ts" />
import type { FunctionDefinition, FunctionLog } from '../definition.ts';
import { Reject, Retry } from '../failures.ts';
import { Output, outputs } from '../results.ts';

interface ModuleExports {
  readonly memory: WebAssembly.Memory;
  readonly alloc: (length: number) => number;
  readonly handle: (pointer: number, length: number) => bigint;
  readonly init?: () => void;
  readonly reset?: () => void;
  readonly _initialize?: () => void;
}

const lowHalf = 0xffff_ffffn;
const levels = ['debug', 'info', 'warn', 'error'] as const;
const decoder = new TextDecoder();

/** What one event has said besides its result. */
interface Said {
  readonly log: FunctionLog;
  readonly emitted: Output[];
  failure: Error | undefined;
}

/** `bytes` as a compiler makes them; `config` is what the manifest would say. */
export function moduleFunction(bytes: Uint8Array, config: Readonly<Record<string, unknown>> = {}): FunctionDefinition {
  const module = new WebAssembly.Module(Uint8Array.from(bytes));
  return {
    // A new instance an event: no event of a test depends on the one before.
    handle: (event, { log }) => {
      const said: Said = { log, emitted: [], failure: undefined };
      const exports = instantiate(module, said, config);
      const pointer = event.data.length === 0 ? 0 : exports.alloc(event.data.length) >>> 0;
      new Uint8Array(exports.memory.buffer).set(event.data, pointer);
      const packed = exports.handle(pointer, event.data.length);
      if (said.failure) throw said.failure;
      if (packed === -1n) throw new Error('handle returned -1 without saying why');
      if (packed === 0n) return outputs(said.emitted);
      const start = Number((packed >> 32n) & lowHalf);
      const own = new Uint8Array(exports.memory.buffer).slice(start, start + Number(packed & lowHalf));
      exports.reset?.();
      return outputs([own, ...said.emitted]);
    },
  };
}

function instantiate(module: WebAssembly.Module, said: Said, config: object): ModuleExports {
  const settings = new TextEncoder().encode(JSON.stringify(config));
  const view = (pointer: number, length: number) => new Uint8Array(exports.memory.buffer, pointer >>> 0, length >>> 0);
  const text = (pointer: number, length: number) => decoder.decode(view(pointer, length));
  /** AssemblyScript's strings are UTF-16; the four bytes before one say how long it is. */
  const string = (pointer: number) => {
    const [length = 0] = new Uint32Array(exports.memory.buffer.slice(pointer - 4, pointer));
    return Buffer.from(view(pointer, length)).toString('utf16le');
  };
  const pilotfish = {
    log: (level: number, pointer: number, length: number) => said.log[levels[level] ?? 'info'](text(pointer, length)),
    emit: (subject: number, subjectLength: number, pointer: number, length: number) => {
      const to = text(subject, subjectLength);
      said.emitted.push(new Output(view(pointer, length).slice(), to === '' ? {} : { subject: to }));
    },
    fail: (kind: number, pointer: number, length: number) => {
      const message = text(pointer, length);
      said.failure ??= kind === 1 ? new Reject(message) : kind === 2 ? new Retry({ message }) : new Error(message);
    },
    config: (pointer: number, room: number) => {
      view(pointer, room).set(settings.subarray(0, room));
      return settings.length;
    },
    now: () => Date.now(),
    random: (pointer: number, length: number) => void crypto.getRandomValues(view(pointer, length)),
  };
  const env = {
    abort: (message: number, file: number, line: number, column: number) => {
      throw new Error(`${message === 0 ? 'abort' : string(message)} at ${string(file)}:${line}:${column}`);
    },
    seed: () => Math.random(),
  };
  const exports = new WebAssembly.Instance(module, { pilotfish, env }).exports as unknown as ModuleExports;
  exports._initialize?.();
  exports.init?.();
  if (said.failure) throw said.failure;
  return exports;
}
