/**
 * WASI preview 1 for reactor modules: clocks, random numbers, no arguments, no environment, writing to stdout and stderr
 * (which are the log), leaving. There are no files: everything else answers ENOSYS.
 */
import { PlatformError } from '#common';
import type { WasmHost } from './wasm-host.ts';

/** Error numbers of WASI preview 1. */
const errno = { success: 0, badFile: 8, invalid: 28, noSystemCall: 52 } as const;
/** Clock ids: 0 is the time of day, 1 time that only grows; 2 and 3, processor time, are told as 1. */
const realtimeClock = 0;
const clocks = 4;
/** Of fd_filestat and the like: a character device, which is what a library takes for a terminal and buffers by line. */
const characterDevice = 2;
const iovecBytes = 8;
const fdstatBytes = 24;

type WasiFunction = (...values: never[]) => number;

export const wasiUnsupported = (): number => errno.noSystemCall;

export function wasiFunctions(host: WasmHost): Record<string, WasiFunction> {
  const { memory } = host;
  const nothing = (count: number, bytes: number): number => {
    memory.setUint32(count, 0, 'WASI');
    memory.setUint32(bytes, 0, 'WASI');
    return errno.success;
  };
  return {
    args_sizes_get: nothing,
    args_get: () => errno.success,
    environ_sizes_get: nothing,
    environ_get: () => errno.success,
    clock_res_get: (clock: number, result: number) => {
      if (clock < 0 || clock >= clocks) return errno.invalid;
      memory.setUint64(result, 1_000_000n, 'clock_res_get');
      return errno.success;
    },
    clock_time_get: (clock: number, _precision: bigint, result: number) => {
      if (clock < 0 || clock >= clocks) return errno.invalid;
      const nanoseconds = clock === realtimeClock ? BigInt(Date.now()) * 1_000_000n : process.hrtime.bigint();
      memory.setUint64(result, nanoseconds, 'clock_time_get');
      return errno.success;
    },
    random_get: (pointer: number, length: number) => {
      memory.fillRandom(pointer, length, 'random_get');
      return errno.success;
    },
    fd_write: (fd: number, vectors: number, count: number, written: number) => write(host, fd, vectors, count, written),
    fd_fdstat_get: (fd: number, result: number) => {
      if (fd < 0 || fd > 2) return errno.badFile;
      memory.view(result, fdstatBytes, 'fd_fdstat_get').fill(0).set([characterDevice]);
      return errno.success;
    },
    fd_close: () => errno.success,
    fd_prestat_get: () => errno.badFile,
    sched_yield: () => errno.success,
    proc_exit: (code: number) => {
      throw new PlatformError('function-failed', `the module left with proc_exit(${code})`);
    },
  };
}

// biome-ignore lint/complexity/useMaxParams: the arguments of fd_write, as WASI has them.
function write({ memory, call }: WasmHost, fd: number, vectors: number, count: number, written: number): number {
  if (fd !== 1 && fd !== 2) return errno.badFile;
  let bytes = 0;
  for (let at = 0; at < count; at++) {
    const pointer = memory.getUint32(vectors + at * iovecBytes, 'fd_write');
    const length = memory.getUint32(vectors + at * iovecBytes + 4, 'fd_write');
    call.print(fd, memory.text(pointer, length, 'fd_write'));
    bytes += length;
  }
  memory.setUint32(written, bytes, 'fd_write');
  return errno.success;
}
