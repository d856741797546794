/** WASM functions through a real pilot: AssemblyScript as entry and as import, traps, limits, what is refused at deploy. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestPilot } from '../harness/pilot.ts';

const root = join(import.meta.dirname, '../..');
let pilot: TestPilot;
let folder = '';

beforeAll(async () => {
  pilot = await TestPilot.start({ coresPerNode: 8 });
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-wasm-'));
}, 60_000);

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

function write(files: Record<string, string | Uint8Array>): string {
  const here = mkdtempSync(join(folder, 'f-'));
  for (const [path, contents] of Object.entries(files)) {
    mkdirSync(join(here, path, '..'), { recursive: true });
    writeFileSync(join(here, path), contents);
  }
  return here;
}

async function deploy(path: string): Promise<void> {
  expect(await pilot.cli(['deploy', path])).toMatchObject({ code: 0 });
}

function floats(values: readonly number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

async function invoke(name: string, payload: Buffer): Promise<number[]> {
  const { payload: answer } = await pilot.client.invoke(name, payload);
  return [...new Float32Array(Uint8Array.from(answer).buffer)];
}

describe('the AssemblyScript example', () => {
  it('is compiled by `deploy`, and scales a frame to 0..1 with SIMD', async () => {
    await deploy(join(root, 'functions/wasm-examples/assemblyscript'));
    expect(await invoke('normalise', floats([2, 4, 6, 10, 2]))).toEqual([0, 0.25, 0.5, 1, 0]);
  }, 60_000);

  it('rejects what is no frame with its own words, and goes on', async () => {
    expect(await pilot.cli(['invoke', 'normalise', '-d', 'abc'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('a frame is f32 values, and 3 bytes are not a multiple of 4'),
    });
    expect(await invoke('normalise', floats([0, 1]))).toEqual([0, 1]);
  }, 60_000);
});

const preamble = `
export function alloc(length: i32): usize { return heap.alloc(length); }
`;

describe('a module', () => {
  it('that traps fails its event; it is made anew, and the next event works', async () => {
    const here = write({
      'trap.as.ts': `${preamble}
let calls = 0;
export function handle(pointer: usize, length: i32): u64 {
  calls++;
  if (length > 0 && load<u8>(pointer) == 120) unreachable();
  if (length > 0 && load<u8>(pointer) == 97) assert(false, 'no a please');
  const result = heap.alloc(1);
  store<u8>(result, 48 + calls);
  return ((result as u64) << 32) | 1;
}
`,
    });
    await deploy(here);
    expect((await pilot.client.invoke('trap', Buffer.from('1'))).payload.toString()).toBe('1');
    expect((await pilot.client.invoke('trap', Buffer.from('1'))).payload.toString()).toBe('2');
    await expect(pilot.client.invoke('trap', Buffer.from('x'))).rejects.toMatchObject({
      code: 'function-failed',
      message: expect.stringContaining('unreachable'),
      foreignStack: expect.stringMatching(/at trap\.as\/handle \(trap\.as\.ts:7:/),
    });
    expect((await pilot.client.invoke('trap', Buffer.from('1'))).payload.toString()).toBe('1');
    await expect(pilot.client.invoke('trap', Buffer.from('a'))).rejects.toMatchObject({
      message: expect.stringMatching(/no a please at .*trap\.as\.ts:8:/),
    });
  }, 60_000);

  it('that never ends is ended at its timeout, one that takes all memory at its limit', async () => {
    const here = write({
      'pilotfish.yaml': `functions:
  loop: { entry: loop.as.ts, timeout: 500ms }
  bomb: { entry: bomb.as.ts, resources: { memory: 64MiB } }
`,
      'loop.as.ts': `${preamble}
export function handle(pointer: usize, length: i32): u64 { while (true) { store<u8>(pointer, load<u8>(pointer) + 1); } return 0; }
`,
      'bomb.as.ts': `${preamble}
export function handle(pointer: usize, length: i32): u64 {
  while (memory.grow(16) >= 0) memory.fill((memory.size() - 16) << 16, 1, 16 << 16);
  unreachable();
  return 0;
}
`,
    });
    await deploy(here);
    await expect(pilot.client.invoke('loop', Buffer.from('x'))).rejects.toMatchObject({ code: 'function-timeout' });
    await expect(pilot.client.invoke('bomb', Buffer.from('x'))).rejects.toMatchObject({
      code: expect.stringMatching(/function-failed|instance-lost/),
    });
    expect(await invoke('normalise', floats([0, 2]))).toEqual([0, 1]);
  }, 60_000);
});

/** `run` is a function that its toolchain named `breaks`, of one instruction: unreachable. */
const trapping = Buffer.from(
  '0061736d01000000010401600000030201000707010372756e00000a05010300000b0010046e616d650109010006627265616b73',
  'hex',
);

describe('a TypeScript function', () => {
  it('imports a kernel in AssemblyScript as a WebAssembly.Module, which travels as a file of its own', async () => {
    const here = write({
      'uses.ts': `import kernel from './kernel.as.ts';
import { defineFunction } from 'pilotfish/sdk';
const { exports } = new WebAssembly.Instance(kernel, {});
const square = exports.square as (x: number) => number;
export default defineFunction({ handle: (event) => String(square(Number(event.text()))) });
`,
      'kernel.as.ts': 'export function square(x: f64): f64 { return x * x; }\n',
    });
    await deploy(join(here, 'uses.ts'));
    expect((await pilot.cli(['invoke', 'uses', '-d', '12'])).stdout).toBe('144');
    const { versions } = await pilot.client.get('uses');
    expect(versions[0]?.files).toMatchObject([{ path: 'kernel.as.ts.wasm' }]);
  }, 60_000);

  it('whose kernels trap says which function, and where: in the source, or in a module that has no map', async () => {
    const here = write({
      'traps.ts': `import kernel from './kernel.as.ts';
import foreign from './lib/foreign.wasm';
import { defineFunction } from 'pilotfish/sdk';
const modules = [kernel, foreign].map((module) => new WebAssembly.Instance(module, {}).exports);
export default defineFunction({ handle: (event) => (modules[Number(event.text())]?.run as () => void)() });
`,
      'kernel.as.ts': '\nexport function run(): void {\n  unreachable();\n}\n',
      'lib/foreign.wasm': trapping,
    });
    await deploy(join(here, 'traps.ts'));
    await expect(pilot.client.invoke('traps', Buffer.from('0'))).rejects.toMatchObject({
      foreignStack: expect.stringMatching(/at kernel\.as\/run \(kernel\.as\.ts:3:\d+\)\n.*traps\.ts:5:/),
    });
    await expect(pilot.client.invoke('traps', Buffer.from('1'))).rejects.toMatchObject({
      foreignStack: expect.stringMatching(/at breaks \(lib\/foreign\.wasm:0x[\da-f]+\)\n.*traps\.ts:5:/),
    });
  }, 60_000);
});

/** A module with the given sections, each as [id, bytes]. */
function moduleOf(...sections: readonly (readonly [number, readonly number[]])[]): Uint8Array {
  const body = sections.flatMap(([id, bytes]) => [id, bytes.length, ...bytes]);
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...body]);
}

describe('`deploy` refuses with exit code 3, and registers nothing:', () => {
  const i32 = 0x7f;
  const i64 = 0x7e;
  const text = (name: string) => [name.length, ...Buffer.from(name)];
  const types = [1, [3, 0x60, 1, i32, 1, i32, 0x60, 2, i32, i32, 1, i64, 0x60, 0, 0]] as const;
  const functionsOf = [3, [2, 0, 1]] as const;
  const code = [10, [2, 4, 0, 0x41, 8, 0x0b, 4, 0, 0x42, 0, 0x0b]] as const;
  const exportsOf = (handle: string) =>
    [7, [3, ...text('memory'), 2, 0, ...text('alloc'), 0, 0, ...text(handle), 0, 1]] as const;
  const whole = moduleOf(types, functionsOf, [5, [1, 0, 1]], exportsOf('handle'), code);

  it.each([
    ['a module that is cut off', whole.subarray(0, whole.length - 3), 'cut off or damaged'],
    ['a file that is none', Buffer.from('hello, this is text'), 'does not begin like a WebAssembly module'],
    [
      'one without handle',
      moduleOf(types, functionsOf, [5, [1, 0, 1]], exportsOf('handel'), code),
      'does not export `handle`',
    ],
    ['64-bit memory', moduleOf(types, functionsOf, [5, [1, 4, 1]], exportsOf('handle'), code), 'memory64'],
    ['shared memory', moduleOf(types, functionsOf, [5, [1, 3, 1, 2]], exportsOf('handle'), code), 'shared'],
    [
      'an unknown import',
      moduleOf(
        types,
        [2, [1, ...text('pilotfish'), ...text('lag'), 0, 2]],
        [3, [2, 0, 1]],
        [5, [1, 0, 1]],
        [7, [3, ...text('memory'), 2, 0, ...text('alloc'), 0, 1, ...text('handle'), 0, 2]],
        code,
      ),
      '`pilotfish.lag`, which there is not (did you mean `pilotfish.log`?)',
    ],
    [
      'more memory than it may have',
      moduleOf(types, functionsOf, [5, [1, 0, 0x80, 0x80, 1]], exportsOf('handle'), code),
      'its memory begins with 1.0 GiB; resources.memory is 256',
    ],
  ])('%s', async (_what, module, message) => {
    const here = write({ 'wrong.wasm': module });
    expect(await pilot.cli(['deploy', here])).toMatchObject({ code: 3, stderr: expect.stringContaining(message) });
    expect((await pilot.client.list()).map(({ name }) => name)).not.toContain('wrong');
  });

  it('and takes the same module whole', async () => {
    await deploy(write({ 'right.wasm': whole }));
    expect((await pilot.client.invoke('right', Buffer.from('x'))).payload).toHaveLength(0);
  });
});
