/** Modules as a deployment looks at them: taken, or refused in words. Never thrown out by an exception, never by memory. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkWasmModule, wasmMemoryBytesMax, wasmMemoryBytesMin } from '#wasm-abi';
import { compileAssemblyScript } from '../../../platform/bundle/assemblyscript.ts';
import { fc } from '../../harness/properties.ts';
import { type FuzzTarget, mutated } from '../fuzz.ts';

const source = `@external("pilotfish", "log") declare function log(level: i32, at: usize, length: i32): void;
export function alloc(length: i32): usize { return heap.alloc(length); }
export function handle(at: usize, length: i32): u64 { log(1, at, length); return ((at as u64) << 32) | (length as u64); }
`;

export const wasm: FuzzTarget = {
  name: 'wasm',
  runs: 2_000,
  async open() {
    const folder = mkdtempSync(join(tmpdir(), 'pilotfish-fuzz-'));
    writeFileSync(join(folder, 'a.as.ts'), source);
    const { module: good } = await compileAssemblyScript(join(folder, 'a.as.ts'), folder);
    rmSync(folder, { recursive: true });
    if (checkWasmModule(good).length > 0) throw new Error(`the good one is refused: ${checkWasmModule(good).join()}`);
    const noise = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.concat([good.subarray(0, 8), bytes]));
    return {
      property: fc.property(
        fc.oneof({ weight: 4, arbitrary: mutated([good]) }, { weight: 1, arbitrary: noise }),
        (bytes) => {
          if (checkWasmModule(bytes).length > 0) return;
          if (wasmMemoryBytesMin(bytes) > (wasmMemoryBytesMax(bytes) ?? 2 ** 32))
            throw new Error('it begins with more than its most');
        },
      ),
      stillWorks() {
        if (checkWasmModule(good).length > 0) throw new Error('the good one is refused now');
      },
    };
  },
};
