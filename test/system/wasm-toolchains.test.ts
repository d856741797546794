/** The examples of platform/instance/ABI.md in C and Rust, built as that page says and called through a pilot, where the compiler is there. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestPilot } from '../harness/pilot.ts';

const examples = join(import.meta.dirname, '../../functions/wasm-examples');
let pilot: TestPilot;
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-toolchains-'));
  pilot = await TestPilot.start();
}, 60_000);

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

/** True when one of the commands has built it, in a copy of the example. */
function build(example: string, commands: readonly (readonly string[])[]): string | undefined {
  const here = join(folder, example);
  cpSync(join(examples, example), here, { recursive: true });
  const built = commands.some(
    ([program = '', ...args]) => spawnSync(program, args, { cwd: here, timeout: 120_000 }).status === 0,
  );
  return built ? here : undefined;
}

const cFlags = [
  '-O3',
  '-nostdlib',
  '-Wl,--no-entry',
  '-Wl,--export=alloc',
  '-Wl,--export=handle',
  '-o',
  'sum.wasm',
  'sum.c',
];

it('C: the sum of a frame', async ({ skip }) => {
  const here = build('c', [
    ['clang', '--target=wasm32', '-msimd128', ...cFlags],
    ['clang-19', '--target=wasm32', '-msimd128', ...cFlags],
    ['python3', '-m', 'ziglang', 'cc', '--target=wasm32-freestanding', '-msimd128', ...cFlags],
  ]);
  if (!here) return skip('neither clang with wasm-ld nor zig (python3 -m ziglang) is here');
  expect(await pilot.cli(['deploy', here])).toMatchObject({ code: 0 });
  const frame = Float32Array.from({ length: 1000 }, (_, at) => at / 4);
  const { payload } = await pilot.client.invoke('sum', Buffer.from(frame.buffer));
  expect(payload.readDoubleLE()).toBe(frame.reduce((sum, value) => sum + value, 0));
  await expect(pilot.client.invoke('sum', Buffer.from('abc'))).rejects.toMatchObject({ code: 'function-rejected' });
}, 150_000);

it('Rust: the histogram of a frame', async ({ skip }) => {
  const target = ['--target', 'wasm32-unknown-unknown', '--crate-type', 'cdylib', '-O', '-o', 'histogram.wasm'];
  const here = build('rust', [['rustc', ...target, 'histogram.rs']]);
  if (!here) return skip('rustc with the target wasm32-unknown-unknown is not here');
  expect(await pilot.cli(['deploy', here])).toMatchObject({ code: 0 });
  const { payload } = await pilot.client.invoke('histogram', Buffer.from([7, 7, 7, 255, 0]));
  const counts = new Uint32Array(Uint8Array.from(payload).buffer);
  expect([counts.length, counts[7], counts[255], counts[0], counts[1]]).toEqual([256, 3, 1, 1, 0]);
}, 150_000);
