/** The little of WASI preview 1 that a reactor finds: what answers, what says ENOSYS, and that leaving is an error of the call. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleFunction, readProject } from '#bundle';
import type { LoadHeader } from '#frames';
import type { FunctionDefinition } from '#sdk';
import { wasmFunction } from '../../platform/instance/wasm/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'pilotfish-wasi-'));
const lines: string[] = [];
const note = (level: string) => (text: string) => void lines.push(`${level} ${text}`);
const log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
let definition: FunctionDefinition & { handle: unknown };

const external = (name: string, parameters: string) =>
  `@external("wasi_snapshot_preview1", "${name}") declare function ${name}(${parameters}): i32;`;

/** Its result is the errno, then what the call left in memory. */
const source = `${external('fd_write', 'fd: i32, vectors: usize, count: i32, written: usize')}
${external('random_get', 'to: usize, length: i32')}
${external('clock_time_get', 'id: i32, precision: i64, to: usize')}
${external('args_sizes_get', 'count: usize, bytes: usize')}
${external('environ_sizes_get', 'count: usize, bytes: usize')}
${external('fd_prestat_get', 'fd: i32, to: usize')}
${external('path_open', 'fd: i32, flags: i32, path: usize, length: i32, open: i32, base: i64, inheriting: i64, fdflags: i32, to: usize')}
${external('sock_send', 'fd: i32, vectors: usize, count: i32, flags: i32, to: usize')}
@external("wasi_snapshot_preview1", "proc_exit") declare function proc_exit(code: i32): void;
const out = heap.alloc(64);
export function alloc(length: i32): usize { return heap.alloc(length); }
function answer(errno: i32, bytes: i32): u64 { store<i32>(out, errno); return ((out as u64) << 32) | ((4 + bytes) as u64); }
export function handle(pointer: usize, length: i32): u64 {
  memory.fill(out, 0xee, 64);
  switch (load<u8>(pointer)) {
    case 119: {
      store<usize>(out + 8, pointer + 1); store<i32>(out + 12, length - 1);
      const errno = fd_write(1, out + 8, 1, out + 4);
      return answer(errno, 4);
    }
    case 114: return answer(random_get(out + 4, 16), 16);
    case 99: return answer(clock_time_get(0, 0, out + 8), 12);
    case 97: return answer(args_sizes_get(out + 4, out + 8), 8);
    case 101: return answer(environ_sizes_get(out + 4, out + 8), 8);
    case 112: return answer(fd_prestat_get(3, out + 4), 0);
    case 111: return answer(path_open(3, 0, pointer, 1, 0, 0, 0, 0, out + 4), 0);
    case 115: return answer(sock_send(3, out, 0, 0, out + 4), 0);
    case 33: {
      store<usize>(out + 8, pointer + 1); store<i32>(out + 12, length - 1);
      fd_write(2, out + 8, 1, out + 4);
      unreachable();
    }
    default: proc_exit(7);
  }
  return 0;
}
`;

beforeAll(async () => {
  const file = join(folder, 'wasi.as.ts');
  writeFileSync(file, source);
  const [one] = readProject(file).functions;
  if (!one) throw new Error('no function');
  const artifact = join(folder, 'wasi.wasm');
  writeFileSync(artifact, (await bundleFunction(one)).artifact);
  const load = { artifact, config: {}, memoryBytes: 2 ** 28 } as unknown as LoadHeader;
  definition = wasmFunction(load, log) as typeof definition;
}, 30_000);

afterAll(() => rmSync(folder, { recursive: true }));

function call(word: string): DataView {
  const handle = definition.handle as (event: object, ctx: object) => Uint8Array;
  const result = handle({ data: Buffer.from(word) }, { log });
  return new DataView(result.buffer, result.byteOffset, result.byteLength);
}

describe('WASI preview 1', () => {
  it('writes stdout to the log, line by line, and says how much it took', () => {
    const said = call('wone\ntwo\n');
    expect([said.getInt32(0, true), said.getUint32(4, true)]).toEqual([0, 8]);
    expect(lines).toEqual(['info one', 'info two']);
  });

  it('has random numbers and the time of day', () => {
    const [first, second] = [call('r'), call('r')].map((view) => Buffer.from(view.buffer, view.byteOffset + 4, 16));
    expect(first?.equals(second ?? Buffer.alloc(0))).toBe(false);
    const time = call('c');
    expect(time.getInt32(0, true)).toBe(0);
    expect(Math.abs(Number(time.getBigUint64(8, true) / 1_000_000n) - Date.now())).toBeLessThan(60_000);
  });

  it('has no arguments, no environment and no directories', () => {
    for (const word of ['a', 'e']) {
      const sizes = call(word);
      expect([0, 4, 8].map((at) => sizes.getInt32(at, true))).toEqual([0, 0, 0]);
    }
    expect(call('p').getInt32(0, true)).toBe(8);
  });

  it('answers ENOSYS to the rest: files and sockets', () => {
    expect([call('o').getInt32(0, true), call('s').getInt32(0, true)]).toEqual([52, 52]);
  });

  it('has what a call wrote to stderr in the error of its trap, and not in that of the next', () => {
    expect(() => call("!panicked at 'no such row', w.rs:21\nnote: no")).toThrow(
      "unreachable; it last wrote: panicked at 'no such row', w.rs:21 | note: no",
    );
    expect(() => call('!')).toThrow(/^unreachable$/);
  });

  it('fails the call that leaves, and the next one works', () => {
    expect(() => call('x')).toThrow('proc_exit(7)');
    expect(call('a').getInt32(0, true)).toBe(0);
  });
});
